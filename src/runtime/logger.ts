import { type Logger as PinoLogger, pino } from 'pino';
import { JoinedLines, type LineDestination } from './joined-lines.ts';

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export type Logger = Pick<PinoLogger, 'error' | 'warn' | 'info' | 'debug' | 'isLevelEnabled'> & {
  /** @returns a logger whose lines also contain these members */
  child(members: Readonly<Record<string, unknown>>): Logger;
};

export interface LoggerOptions {
  /** @default 'info' */
  level?: LogLevel;
  /** Destination of the JSON lines. @default standard error, through `JoinedLines`; warnings and errors are urgent */
  destination?: LineDestination;
}

/**
 * Creates a logger that writes one JSON object per line to standard error. Standard output is reserved for the ready
 * line.
 */
export function createLogger({ level = 'info', destination = standardError() }: LoggerOptions = {}): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Errors are logged without their other properties (requests, headers, configuration), because these may contain
      // secrets.
      serializers: { err: (error: unknown) => serializeError(error, 0) },
    },
    destination,
  );
}

/** Pino's number of the level `info`. */
const infoLevel = 30;

/** Maximum size of the lines that could not be written, in bytes. Lines beyond it are dropped. */
const maxUnwritten = 1024 * 1024;

class StandardError implements LineDestination {
  /** Makes pino set `lastLevel` before each line. */
  readonly [pino.symbols.needsMetadataGsym] = true;
  lastLevel = 0;
  readonly #lines = new JoinedLines(openStandardError());

  write(line: string): void {
    this.#lines.write(line, this.lastLevel > infoLevel);
  }
}

/** A full disk must not end the gateway. Unwritten lines wait for the next write, up to `maxUnwritten`. */
function openStandardError(): LineDestination {
  const destination = pino.destination({ fd: 2, sync: true, maxLength: maxUnwritten });
  // Without a listener, the error would be thrown to the code that logs.
  destination.on('error', () => {});
  return destination;
}

/** Shared by all loggers of the process, so that their lines stay in order. */
let shared: StandardError | undefined;

function standardError(): StandardError {
  shared ??= new StandardError();
  return shared;
}

/** Maximum depth of causes that are logged, because causes may be circular. */
const maxDepth = 8;

function serializeError(error: unknown, depth: number): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  const own = { name: error.name, message: error.message, ...code, stack: error.stack };
  if (depth === maxDepth) return own;
  const inner = (each: unknown) => serializeError(each, depth + 1);
  const cause = error.cause === undefined ? {} : { cause: inner(error.cause) };
  const errors = error instanceof AggregateError ? { errors: error.errors.map(inner) } : {};
  return { ...own, ...cause, ...errors };
}
