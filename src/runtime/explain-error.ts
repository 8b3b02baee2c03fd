/** Variables with which an operator chooses where a server listens. */
export interface ListenVariables {
  readonly port: string;
  readonly host: string;
}

/**
 * One line about an error that keeps a program from running: what went wrong and, where the address to listen on is the
 * reason, which variable to change.
 */
export function explainError(error: unknown, { port, host }: ListenVariables): string {
  if (!(error instanceof Error)) return String(error);
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
