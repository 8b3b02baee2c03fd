import { inspect } from 'node:util';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import type { GraphQLFailure } from '../support/event-stream.ts';
import type { Gateway, Headers } from '../support/gateway.ts';
import type { ChangeAttempt } from '../support/history/check-changes.ts';
import type { CreateAttempt, CreateOutcome } from '../support/history/check-creates.ts';
import type { SeenError } from '../support/history/check-errors.ts';
import type { Violation } from '../support/history/violation.ts';

/** An error member of a mutation's union. */
interface UnionError {
  readonly __typename: string;
  readonly code: string;
  readonly message: string;
}

/** Result of a mutation: its payload, or the code of the error. */
export type Result<Payload> =
  | { readonly kind: 'payload'; readonly payload: Payload }
  | { readonly kind: 'error'; readonly code: string };

/**
 * Each request has its own connection. A kept-alive connection may be closed by the gateway just when it is reused,
 * which would not be a defect.
 */
const ownConnection = { connection: 'close' };

/** Kinds of entities that clients create. */
export const createdKinds = ['exportJobs', 'segmentJobs', 'schedules', 'datasets'] as const;
export type Created = (typeof createdKinds)[number];

/** Records all operations of the clients of one run, and their results. */
export class Journal {
  readonly errors: SeenError[] = [];
  readonly scheduleChanges: ChangeAttempt[] = [];
  readonly violations: Violation[] = [];
  /** `x-request-id` of each mutation. */
  readonly mutations: string[] = [];
  readonly #creates: Record<Created, CreateAttempt[]> = {
    exportJobs: [],
    segmentJobs: [],
    schedules: [],
    datasets: [],
  };
  readonly #waiting = new Set<{ readonly isDone: () => boolean; readonly resolve: () => void }>();
  #operations = 0;
  #closed = false;

  get operations(): number {
    return this.#operations;
  }

  creates(kind: Created): readonly CreateAttempt[] {
    return this.#creates[kind];
  }

  /** Ids of entities that were reported as created, in the order of the responses. */
  created(kind: Created): readonly string[] {
    const ids = this.#creates[kind].flatMap(({ outcome }) => (outcome.kind === 'created' ? [outcome.id] : []));
    return [...new Set(ids)];
  }

  attempted(kind: Created, attempt: CreateAttempt): void {
    this.#creates[kind].push(attempt);
    this.#wake();
  }

  /** Counts the start of an operation. */
  begin(): void {
    this.#operations += 1;
    this.#wake();
  }

  /** Declares that no further operation will start. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /**
   * Resolves when `isDone` returns true, which is evaluated after each operation, or when no further operation will
   * start.
   */
  until(isDone: () => boolean): Promise<void> {
    if (this.#closed || isDone()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.add({ isDone, resolve }));
  }

  refused(where: string, errors: readonly GraphQLFailure[]): void {
    for (const { message, extensions } of errors) {
      this.errors.push({
        where,
        message,
        code: extensions?.['code'],
        retryable: extensions?.['retryable'],
        from: 'graphql',
      });
    }
  }

  #wake(): void {
    for (const waiter of this.#waiting) {
      if (!this.#closed && !waiter.isDone()) continue;
      this.#waiting.delete(waiter);
      waiter.resolve();
    }
  }

  /**
   * Sends an operation over HTTP and records its errors. Data is null if the root field failed; each operation here has
   * exactly one.
   */
  async ask<Data, Variables>(
    gateway: Gateway,
    where: string,
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    headers: Headers = {},
  ): Promise<{ readonly data: Data | null; readonly code: string | null }> {
    this.begin();
    try {
      const { data, errors } = await gateway.execute(document, variables, { ...ownConnection, ...headers });
      this.refused(where, errors);
      if (data === null && errors.length === 0) this.#unanswered(where, 'neither data nor errors');
      const code = errors[0]?.extensions?.['code'];
      const failed = Object.values(data ?? { none: null }).includes(null);
      return { data: failed && errors.length > 0 ? null : data, code: errors.length === 0 ? null : String(code) };
    } catch (error) {
      this.#unanswered(where, inspect(error));
      return { data: null, code: 'NO_ANSWER' };
    }
  }

  /** Sends a mutation whose result is a union. */
  async mutate<Data, Variables, Member extends { readonly __typename: string }, Name extends Member['__typename']>(
    gateway: Gateway,
    where: string,
    { document, variables, member, payload }: Mutation<Data, Variables, Member, Name>,
  ): Promise<Result<Extract<Member, { readonly __typename: Name }>>> {
    const requestId = `mutation-${this.mutations.length + 1}`;
    this.mutations.push(requestId);
    const { data, code } = await this.ask(gateway, where, document, variables, { 'x-request-id': requestId });
    if (data === null) return { kind: 'error', code: code ?? 'NO_ANSWER' };
    const result = member(data);
    if (isPayload(result, payload)) return { kind: 'payload', payload: result };
    // The assertion holds because every other member of such a union implements the interface Error, whose fields all
    // operations here select.
    const error = result as unknown as UnionError;
    this.errors.push({ where, code: error.code, retryable: undefined, message: error.message, from: 'union' });
    return { kind: 'error', code: error.code };
  }

  #unanswered(where: string, detail: string): void {
    this.violations.push({ rule: 'every request is answered', where, detail });
  }
}

export interface Mutation<Data, Variables, Member, Name> {
  readonly document: TypedDocumentNode<Data, Variables>;
  readonly variables: Variables;
  readonly member: (data: Data) => Member;
  /** Name of the type that means success. */
  readonly payload: Name;
}

const isPayload = <Member extends { readonly __typename: string }, Name extends Member['__typename']>(
  result: Member,
  name: Name,
): result is Extract<Member, { readonly __typename: Name }> => result.__typename === name;

/** Outcome of a create, as recorded for the checks. */
export function createOutcome<Payload>(
  result: Result<Payload>,
  created: (payload: Payload) => { readonly id: string; readonly replayed: boolean },
): CreateOutcome {
  if (result.kind === 'payload') return { kind: 'created', ...created(result.payload) };
  return result.code === 'OUTCOME_UNKNOWN' ? { kind: 'unknown' } : { kind: 'refused', code: result.code };
}
