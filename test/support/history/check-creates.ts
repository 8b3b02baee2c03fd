import { groupBy } from '../group-by.ts';
import type { Violation } from './violation.ts';

export type CreateOutcome =
  | { readonly kind: 'created'; readonly id: string; readonly replayed: boolean }
  /** `OUTCOME_UNKNOWN`: it may have happened. */
  | { readonly kind: 'unknown' }
  /** Any other error: it has not happened. */
  | { readonly kind: 'refused'; readonly code: string };

/** One mutation that creates something, and what was answered. */
export interface CreateAttempt {
  /** What tells its result apart on the platform. Attempts that ask for the same have the same one. */
  readonly mark: string;
  /** The idempotency key; null without one. */
  readonly key: string | null;
  readonly outcome: CreateOutcome;
}

/** Something that the platform holds, whoever asked for it. */
export interface MadeEntity {
  readonly id: string;
  readonly mark: string;
}

/**
 * Whether every create is accounted for: what was answered as created exists, once for each request or idempotency key;
 * a refusal created nothing; only an unknown outcome may have created something that nobody was told of.
 * @param what the kind of entity, for messages
 * @param made all that the platform holds and that did not exist before the first attempt
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
    if (!asked.has(mark)) report('nothing is created unasked', mark, entities.map(({ id }) => id).join());
  }
  for (const [mark, alike] of asked) {
    const requests = requestsOf(alike);
    const ids = (found.get(mark) ?? []).map(({ id }) => id);
    for (const request of requests) checkRequest(request, (rule, detail) => report(rule, mark, detail));
    const answered = requests.flatMap((request) => createdIds(request)[0] ?? []);
    for (const id of answered) if (!ids.includes(id)) report('what was answered exists', mark, id);
    if (new Set(answered).size < answered.length) {
      report('two requests do not share a result', mark, answered.toSorted().join());
    }
    const untold = ids.filter((id) => !answered.includes(id));
    const open = requests.filter((request) => createdIds(request).length === 0 && mayHaveCreated(request)).length;
    if (untold.length > open) {
      const detail = `${untold.join()} beside ${answered.join() || 'nothing'}; ${open} outcomes were unknown`;
      report('a create happens once, or its outcome is unknown', mark, detail);
    }
  }
  return violations;
}

/** Attempts that stand for one create: alone, or together by their idempotency key. */
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
