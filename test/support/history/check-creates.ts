import { groupBy } from '../group-by.ts';
import type { Violation } from './violation.ts';

export type CreateOutcome =
  | { readonly kind: 'created'; readonly id: string; readonly replayed: boolean }
  /** `OUTCOME_UNKNOWN`: the entity may have been created. */
  | { readonly kind: 'unknown' }
  /** Any other error: the entity was not created. */
  | { readonly kind: 'refused'; readonly code: string };

/** One mutation that creates an entity, and its result. */
export interface CreateAttempt {
  /** Mark that identifies the created entity on the platform. Repeated attempts have the same mark. */
  readonly mark: string;
  /** The idempotency key; null if there was none. */
  readonly key: string | null;
  readonly outcome: CreateOutcome;
}

/** An entity of the platform, created by any client. */
export interface MadeEntity {
  readonly id: string;
  readonly mark: string;
}

/**
 * Checks that every create is accounted for: an entity that was reported as created exists exactly once per request or
 * idempotency key; a rejected create created nothing; only an unknown outcome may have created an unreported entity.
 * @param what kind of entity, for messages
 * @param made all entities of the platform that did not exist before the first attempt
 */
export function checkCreates(
  what: string,
  attempts: readonly CreateAttempt[],
  made: readonly MadeEntity[],
): readonly Violation[] {
  const violations: Violation[] = [];
  const report = (rule: string, mark: string, detail: string) =>
    void violations.push({ rule, where: `${what} ${mark}`, detail });
  const asked = groupBy(attempts, ({ mark }) => mark);
  const found = groupBy(made, ({ mark }) => mark);

  for (const [mark, entities] of found) {
    if (!asked.has(mark)) report('every entity was requested', mark, entities.map(({ id }) => id).join());
  }
  for (const [mark, alike] of asked) {
    const requests = requestsOf(alike);
    const ids = (found.get(mark) ?? []).map(({ id }) => id);
    for (const request of requests) checkRequest(request, (rule, detail) => report(rule, mark, detail));
    const answered = requests.flatMap((request) => createdIds(request)[0] ?? []);
    for (const id of answered) if (!ids.includes(id)) report('a confirmed create exists', mark, id);
    if (new Set(answered).size < answered.length) {
      report('two requests do not share a result', mark, answered.toSorted().join());
    }
    const unreported = ids.filter((id) => !answered.includes(id));
    const open = requests.filter((request) => createdIds(request).length === 0 && mayHaveCreated(request)).length;
    if (unreported.length > open) {
      const detail = `${unreported.join()} in addition to ${answered.join() || 'nothing'}; ${open} outcomes were unknown`;
      report('a create happens once, or its outcome is unknown', mark, detail);
    }
  }
  return violations;
}

/** Attempts that belong to one create: a single attempt, or all attempts with one idempotency key. */
type CreateRequest = readonly CreateAttempt[];

function requestsOf(attempts: readonly CreateAttempt[]): readonly CreateRequest[] {
  const keyed = groupBy(attempts, ({ key }) => key);
  return [...keyed].flatMap(([key, alike]) => (key === null ? alike.map((attempt) => [attempt]) : [alike]));
}

function checkRequest(request: CreateRequest, report: (rule: string, detail: string) => void): void {
  const ids = new Set(createdIds(request));
  if (ids.size > 1) report('an idempotency key has one result', [...ids].join());
  const firsts = request.filter(({ outcome }) => outcome.kind === 'created' && !outcome.replayed);
  if (firsts.length > 1) report('an idempotency key creates once', `${firsts.length} answers were the first one`);
}

const createdIds = (request: CreateRequest): readonly string[] =>
  request.flatMap(({ outcome }) => (outcome.kind === 'created' ? [outcome.id] : []));

const mayHaveCreated = (request: CreateRequest): boolean => request.some(({ outcome }) => outcome.kind === 'unknown');
