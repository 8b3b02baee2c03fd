import type { OperationOutcome } from '../metrics/operations.ts';
import type { Logger } from '../runtime/logger.ts';
import type { ObserveOperation } from './operation-record.ts';

export interface AccessLogOptions {
  readonly logger: Pick<Logger, 'info' | 'isLevelEnabled'>;
  /** Share of the operations that are logged, from 0 to 1. */
  readonly rate: number;
  /** Numbers from 0 up to 1. @default Math.random */
  readonly random?: () => number;
}

/** Outcomes that are logged at any rate above 0. Anyone can cause `rejected`, as often as wanted. */
const alwaysLogged: ReadonlySet<OperationOutcome> = new Set(['failed', 'partial']);

/**
 * Writes one line per operation: who has sent what, how long it took, and how it ended. A line contains no variables,
 * no data and nothing of a credential.
 * @returns null if no line would be written: at the rate 0, or at a level of the log above `info`
 */
export function createAccessLog({ logger, rate, random = Math.random }: AccessLogOptions): ObserveOperation | null {
  if (rate === 0 || !logger.isLevelEnabled('info')) return null;
  return ({ requestId, session, operation, transport, trace, calls }, { outcome, codes, durationMs }) => {
    if (rate < 1 && !alwaysLogged.has(outcome) && random() >= rate) return;
    const traceId = trace?.traceId ?? null;
    const platformUser = session?.platformUser ?? null;
    logger.info(
      {
        requestId,
        ...(traceId === null ? {} : { traceId }),
        caller: session?.loggedAs ?? null,
        ...(platformUser === null ? {} : { platformUser }),
        org: session?.tenant.org ?? null,
        sandbox: session?.tenant.sandbox ?? null,
        name: operation?.name ?? null,
        operation: operation?.label ?? null,
        type: operation?.type ?? null,
        transport,
        outcome,
        ...(codes.length === 0 ? {} : { codes }),
        durationMs: Math.round(durationMs * 10) / 10,
        calls: calls?.made ?? 0,
      },
      'operation',
    );
  };
}
