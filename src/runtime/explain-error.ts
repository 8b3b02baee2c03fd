/** Names of the variables with which an operator chooses the address of a server. */
export interface ListenVariables {
  readonly port: string;
  readonly host: string;
}

/**
 * Describes in one line an error that keeps a program from running. If the address to listen on is the reason, the line
 * also names the variable to change.
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
