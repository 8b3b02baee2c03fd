/** Destination of log lines. Each line ends with a line feed. */
export interface LineDestination {
  write(line: string): void;
}

/** Minimum number of characters that are written without waiting for the end of the turn. */
const maxWaiting = 64 * 1024;

/**
 * Joins the lines of one turn of the event loop into one write, because a write takes longer than the line itself. An
 * urgent line is written at once, with the lines before it, so that it is not lost if the process is killed. At the
 * exit of the process, also after an uncaught error, the waiting lines are written.
 */
export class JoinedLines {
  readonly #destination: LineDestination;
  #waiting = '';
  #scheduled = false;

  constructor(destination: LineDestination) {
    this.#destination = destination;
    process.on('exit', () => this.#flush());
  }

  write(line: string, urgent: boolean): void {
    this.#waiting += line;
    if (urgent || this.#waiting.length >= maxWaiting) {
      this.#flush();
    } else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#flush();
      });
    }
  }

  #flush(): void {
    if (this.#waiting === '') return;
    const lines = this.#waiting;
    this.#waiting = '';
    this.#destination.write(lines);
  }
}
