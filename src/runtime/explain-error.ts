/** Names of the variables with which an operator chooses the address of a server. */
export interface ListenVariables {
  readonly port: string;
  readonly host: string;
}

/** Thrown when a program cannot listen on one of its addresses. It names the variables of this address. */
class ListenError extends Error {
  override readonly name = 'ListenError';

  readonly variables: ListenVariables;

  /** @param cause the error of `listen` */
  constructor(cause: unknown, variables: ListenVariables) {
    super('The program cannot listen.', { cause });
    this.variables = variables;
  }
}

/** Waits until a server listens. @throws {ListenError} it cannot listen */
export async function listenAs<T>(variables: ListenVariables, listening: Promise<T>): Promise<T> {
  try {
    return await listening;
  } catch (error) {
    throw new ListenError(error, variables);
  }
}

/**
 * Describes in one line an error that keeps a program from running. If an address to listen on is the reason, the line
 * also names the variable to change.
 * @param main variables of the address of an error that is no `ListenError`
 */
export function explainError(error: unknown, main: ListenVariables): string {
  if (error instanceof ListenError) return explainError(error.cause, error.variables);
  if (!(error instanceof Error)) return String(error);
  const { port, host } = main;
  const message = [error, ...(error instanceof AggregateError ? error.errors : [])]
    .map((each) => (each instanceof Error ? each.message : String(each)))
    .join(' ')
    .replaceAll(/\s*\n\s*/g, ' ');
  switch ('code' in error ? error.code : null) {
    case 'EADDRINUSE':
      return `${message}: another program uses that port; set ${port} to a free one, or to 0`;
    case 'EACCES':
      return isAboutListening(error) ? `${message}: set ${port} to a port that needs no privilege` : message;
    case 'EADDRNOTAVAIL':
    case 'EAI_AGAIN':
    case 'ENOTFOUND':
      return `${message}: set ${host} to an address of this machine`;
    default:
      return message;
  }
}

const isAboutListening = (error: Error): boolean => 'syscall' in error && error.syscall === 'listen';
