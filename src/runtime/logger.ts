import { type Logger as PinoLogger, pino } from 'pino';

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export type Logger = Pick<PinoLogger, 'error' | 'warn' | 'info' | 'debug'>;

export interface LoggerOptions {
  /** @default 'info' */
  level?: LogLevel;
  /** Where the JSON lines go. @default standard error, written synchronously so that nothing is lost at exit */
  destination?: { write(line: string): void };
}

/** One JSON object a line, on standard error: standard output belongs to the ready line. */
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
      // Errors are logged without what they carry along (requests, headers, configuration): that is where secrets hide.
      serializers: { err: (error: unknown) => serializeError(error, 0) },
    },
    destination,
  );
}

/** Causes of causes that are logged. They may go round in circles. */
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
