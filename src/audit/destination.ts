import { closeSync, fstatSync, openSync, type Stats, statSync, writeSync } from 'node:fs';
import { ConfigurationError } from '../config/config.ts';

/** Receives the lines of the audit log. */
export interface AuditDestination extends Disposable {
  /**
   * Writes a line completely, and synchronously, so that it exists before the caller receives the result of its change.
   * If a line was written in part before, the next one begins on a line of its own.
   * @throws the line could not be written, or not completely
   */
  write(line: string): void;
}

/**
 * The destination of the audit log: standard error, between the other log lines, or a file, to which lines are appended.
 * The file is opened again as soon as its path names another file or none, so that it can be rotated at any time.
 * @param path of the file; null: standard error
 * @throws {ConfigurationError} the file cannot be opened, or is no regular file
 */
export function openAuditDestination(path: string | null): AuditDestination {
  if (path === null) {
    const lines = new Lines();
    return { write: (line) => lines.write(standardError, line), [Symbol.dispose]: () => {} };
  }
  try {
    return new AuditFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError([`AUDIT_LOG: ${reason}`]);
  }
}

const standardError = 2;

class AuditFile implements AuditDestination {
  readonly #path: string;
  readonly #lines = new Lines();
  /** Null after a failure to open the file again. */
  #descriptor: number | null;

  constructor(path: string) {
    this.#path = path;
    this.#descriptor = open(path);
  }

  write(line: string): void {
    this.#lines.write(this.#current(), line);
  }

  [Symbol.dispose](): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  #current(): number {
    if (this.#descriptor !== null && isSameFile(fstatSync(this.#descriptor), statOf(this.#path))) {
      return this.#descriptor;
    }
    this[Symbol.dispose]();
    this.#descriptor = open(this.#path);
    return this.#descriptor;
  }
}

/** Read and write for the owner, read for the group. */
const mode = 0o640;

function open(path: string): number {
  // A pipe without a reader would block the process.
  if (statOf(path)?.isFile() === false) throw new Error(`${path} is not a regular file`);
  return openSync(path, 'a', mode);
}

const statOf = (path: string): Stats | null => statSync(path, { throwIfNoEntry: false }) ?? null;

const isSameFile = (left: Stats, right: Stats | null): boolean => left.ino === right?.ino && left.dev === right.dev;

/** Time that a reader of a pipe who does not keep up gets for one line, in milliseconds. The process does nothing else. */
const patienceMs = 1_000;
const pauseMs = 10;

/** Writes lines to a descriptor. */
class Lines {
  /** Whether the last line was written in part. */
  #isTorn = false;

  write(descriptor: number, line: string): void {
    const bytes = Buffer.from(this.#isTorn ? `\n${line}` : line);
    let written = 0;
    let waitedMs = 0;
    while (written < bytes.length) {
      try {
        written += writeSync(descriptor, bytes, written);
        this.#isTorn = written < bytes.length;
      } catch (error) {
        if (!isBusy(error) || waitedMs >= patienceMs) throw error;
        Atomics.wait(sleeper, 0, 0, pauseMs);
        waitedMs += pauseMs;
      }
    }
  }
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** The pipe is full. */
const isBusy = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'EAGAIN';
