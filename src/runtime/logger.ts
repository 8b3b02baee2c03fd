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
      serializers: { err: serializeError },
    },
    destination,
  );
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  const cause = error.cause === undefined ? {} : { cause: serializeError(error.cause) };
  const errors = error instanceof AggregateError ? { errors: error.errors.map(serializeError) } : {};
  return { name: error.name, message: error.message, ...code, stack: error.stack, ...cause, ...errors };
}
