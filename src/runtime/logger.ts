import { type Logger as PinoLogger, pino } from 'pino';

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export type Logger = Pick<PinoLogger, 'error' | 'warn' | 'info' | 'debug'>;

export interface LoggerOptions {
  /** @default 'info' */
  level?: LogLevel;
  /** Destination of the JSON lines. @default standard error, written synchronously so that nothing is lost at exit */
  destination?: { write(line: string): void };
}

/**
 * Creates a logger that writes one JSON object per line to standard error. Standard output is reserved for the ready
 * line.
 */
export function createLogger({
  level = 'info',
  destination = pino.destination({ fd: 2, sync: true }),
}: LoggerOptions = {}): Logger {
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
