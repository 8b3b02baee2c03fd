import { GatewayError, mayHaveHappened, OutcomeUnknownError, ShuttingDownError } from '../errors.ts';
import type { BoundCall } from './call.ts';
import type { CreateAttempt } from './create-ledger.ts';
import { findLostJob, type LostCandidate } from './find-lost-job.ts';
import type { Service } from './metrics.ts';
import type { PlatformClient } from './platform-client.ts';

/** How long the look for the result of a lost create may take, in milliseconds. */
const lookTimeoutMs = 10_000;

export interface Creation<Created extends Pick<LostCandidate, 'id'>, Candidate extends LostCandidate & Created> {
  readonly service: Service;
  /** What its result could be taken for the result of: creates of the same tenant, service and group. */
  readonly group: string;
  readonly body: object;
  send(): Promise<Created>;
  /** The newest of what the platform keeps. @param call to be used for it */
  newest(call: BoundCall): Promise<readonly Candidate[]>;
  /** Whether something is what the body would have made. */
  fits(candidate: Candidate): boolean;
}

/**
 * Sends a create, once. When its answer is lost, looks once for what it may have created, and answers with that where
 * exactly one thing can be it.
 * @throws {OutcomeUnknownError} the answer is lost, and looking did not settle whether it happened
 */
export async function createOnce<Created extends Pick<LostCandidate, 'id'>, Candidate extends LostCandidate & Created>(
  client: Pick<PlatformClient, 'call' | 'metrics' | 'tenant' | 'ledger'>,
  { service, group, body, send, newest, fits }: Creation<Created, Candidate>,
): Promise<Created> {
  const { org, sandbox } = client.tenant;
  const attempt = client.ledger.begin({
    group: JSON.stringify([org, sandbox, service, group]),
    body: JSON.stringify(body),
  });
  try {
    const created = await send();
    attempt.answered(created.id);
    return created;
  } catch (error) {
    if (!(error instanceof OutcomeUnknownError)) {
      settle(attempt, error);
      throw error;
    }
    attempt.lost();
    const requestId = error.upstream?.requestId ?? null;
    const look: BoundCall = (request) => client.call({ ...request, timeoutMs: lookTimeoutMs });
    // A look that fails settles nothing: what is known stays that nothing is known.
    const candidates = await newest(look).catch(() => []);
    const found = findLostJob(candidates, { attempt, requestId, fits });
    client.metrics.createLost({ service, found: found !== null });
    if (found === null) throw error;
    return found;
  }
}

/** A create that failed in another way: refused before it did anything, or nobody knows. */
function settle(attempt: CreateAttempt, error: unknown): void {
  const refused = error instanceof GatewayError && !(error instanceof ShuttingDownError) && !mayHaveHappened(error);
  if (refused) attempt.refused();
  else attempt.lost();
}
