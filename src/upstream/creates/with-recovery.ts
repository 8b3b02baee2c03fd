import type { Tenant } from '../../domain/tenant.ts';
import { mayHaveHappened, OutcomeUnknownError, PlatformError } from '../../errors.ts';
import type { PlatformMetrics } from '../../metrics/platform.ts';
import type { BoundClient, CarriedOut, WriteClient } from '../http/call.ts';
import type { Service, WriteSubject, WrittenEntity } from '../types.ts';
import type { CreateAttempts } from './attempts.ts';
import { type CreatedCandidate, findCreated, type Lookup, type Newest } from './find-created.ts';
import type { Fit } from './matches-create.ts';

/** Deadline of the lookup after a lost create, in milliseconds. */
const lookupTimeoutMs = 10_000;
/** Status of an overloaded service, which has not begun to carry the request out. */
const unavailable = 503;

/** The client of a tenant, as creates use it. */
export interface CreateClient extends BoundClient {
  readonly metrics: Pick<PlatformMetrics, 'createLost'>;
  readonly tenant: Tenant;
  readonly attempts: CreateAttempts;
  /**
   * Carries out a write, and reports its end.
   * @throws {Error} the client is for reads only
   */
  write<Result>(subject: WriteSubject, carryOut: (sender: WriteClient) => Promise<CarriedOut<Result>>): Promise<Result>;
}

export interface Creation<Created extends Pick<CreatedCandidate, 'id'>, Candidate extends CreatedCandidate & Created> {
  readonly service: Service;
  readonly entity: WrittenEntity;
  /** Creates of one tenant, service and group can be taken for each other. */
  readonly group: string;
  readonly body: object;
  send(sender: WriteClient): Promise<Created>;
  /** Reads the platform's newest entities with a client whose calls have a short deadline. */
  newest(client: BoundClient): Promise<Newest<Candidate>>;
  fitOf(candidate: Candidate): Fit;
}

/**
 * Sends a create once. If its outcome is unknown (see `OutcomeUnknownError`), looks for the entity once. Every create
 * follows this rule:
 * - exactly one entity can be the result: returns that entity;
 * - no entity can be the result, and the platform responded 503: nothing was created;
 * - otherwise the outcome stays unknown.
 * @throws {PlatformError} 503, and nothing was created. The request can be repeated.
 * @throws {OutcomeUnknownError} the lookup did not determine whether the platform carried out the create
 */
export const createWithRecovery = <
  Created extends Pick<CreatedCandidate, 'id'>,
  Candidate extends CreatedCandidate & Created,
>(
  client: CreateClient,
  creation: Creation<Created, Candidate>,
): Promise<Created> =>
  client.write({ entity: creation.entity, action: 'create', id: null }, (sender) => create(client, sender, creation));

async function create<Created extends Pick<CreatedCandidate, 'id'>, Candidate extends CreatedCandidate & Created>(
  client: CreateClient,
  sender: WriteClient,
  { service, group, body, send, newest, fitOf }: Creation<Created, Candidate>,
): Promise<CarriedOut<Created>> {
  const attempt = client.attempts.begin({
    tenant: client.tenant,
    group: JSON.stringify([service, group]),
    body: JSON.stringify(body),
  });
  try {
    const created = await send(sender);
    attempt.succeeded(created.id);
    return { result: created, id: created.id, evidence: 'response' };
  } catch (error) {
    if (!mayHaveHappened(error)) {
      attempt.refused();
      throw error;
    }
    attempt.lost();
    if (!(error instanceof OutcomeUnknownError)) throw error;
    const requestId = error.upstream?.requestId ?? null;
    const lookups: BoundClient = { call: (request) => client.call({ ...request, timeoutMs: lookupTimeoutMs }) };
    const lookup = await newest(lookups).then(
      (entities) => findCreated(entities, { attempt, requestId, fitOf }),
      (): Lookup<Candidate> => ({ kind: 'unknown' }),
    );
    client.metrics.createLost({ service, found: lookup.kind === 'found' });
    switch (lookup.kind) {
      case 'found':
        return { result: lookup.entity, id: lookup.entity.id, evidence: 'state' };
      case 'absent':
        if (!(error.cause instanceof PlatformError) || error.cause.status !== unavailable) throw error;
        attempt.refused();
        throw error.cause;
      case 'unknown':
        throw error;
    }
  }
}
