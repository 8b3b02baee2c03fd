import { UpstreamUnreachableError } from '../errors.ts';
import type { AuditMetrics } from '../metrics/audit.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { AuditDestination } from './destination.ts';
import { type AuditEntry, auditLine } from './line.ts';

/** Records every change that callers request. */
export interface AuditLog extends Disposable {
  /** Writes a line. Never throws: a line that cannot be written is kept and written later. */
  write(entry: AuditEntry): void;
  /**
   * Must be called before a change. It first writes the lines that are kept.
   * @throws {UpstreamUnreachableError} the log cannot be written, so that nothing may be changed
   */
  assertWritable(): void;
  /** Writes the lines that are kept. @returns whether all lines are written */
  flush(): boolean;
}

/**
 * Maximum number of lines that are kept. While lines are kept no change begins, so that only changes that had begun
 * before add lines.
 */
const maxKept = 10_000;

export interface AuditLogOptions {
  readonly destination: AuditDestination;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Pick<Logger, 'error' | 'info'>;
  readonly metrics: AuditMetrics;
}

export function createAuditLog({ destination, clock, logger, metrics }: AuditLogOptions): AuditLog {
  let kept: string[] = [];
  metrics.watchKept(() => kept.length);

  const flush = (): boolean => {
    if (kept.length === 0) return true;
    let count = 0;
    try {
      for (const line of kept) {
        destination.write(line);
        count += 1;
      }
    } catch {
      // The first failure has been logged.
    }
    kept = kept.slice(count);
    if (kept.length > 0) return false;
    logger.info({ count }, 'the audit log can be written again');
    return true;
  };

  const keep = (line: string, err: unknown): void => {
    if (kept.length === 0) logger.error({ err }, 'the audit log cannot be written; changes are refused until it can');
    if (kept.length < maxKept) kept.push(line);
    else logger.error({ line }, 'a line of the audit log is lost');
  };

  return {
    write: (entry) => {
      const line = auditLine(entry, clock.now());
      metrics.written({ outcome: entry.outcome });
      if (!flush()) {
        keep(line, null);
        return;
      }
      try {
        destination.write(line);
      } catch (error) {
        keep(line, error);
      }
    },
    assertWritable: () => {
      if (flush()) return;
      throw new UpstreamUnreachableError({
        message: 'The audit log of the gateway cannot be written at this moment. Nothing was changed.',
      });
    },
    flush,
    [Symbol.dispose]: () => {
      if (!flush()) {
        for (const line of kept) logger.error({ line }, 'a line of the audit log is lost');
      }
      destination[Symbol.dispose]();
    },
  };
}
