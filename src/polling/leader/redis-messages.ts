import { z } from 'zod';
import { type GatewayErrorCode, httpStatusByCode } from '../../errors.ts';
import type { WatchScope } from '../scope.ts';
import type { PollMessage } from './election.ts';

// Candidates are named `<replica>/<number>`. The name contains no space, quote or backslash.

const candidate = z.string().regex(/^[\w-]+\/\d+$/);
// The keys of this object are exactly the codes.
const codes = Object.keys(httpStatusByCode) as GatewayErrorCode[];

const failure = z.object({
  code: z.enum(codes),
  message: z.string(),
  retryable: z.boolean(),
  retryAfterMs: z.number().nullable(),
  upstream: z
    .object({
      service: z.string(),
      status: z.number().nullable(),
      requestId: z.string().nullable(),
      code: z.string().nullable(),
      title: z.string().nullable(),
    })
    .nullable(),
});

const scopeChange = z.object({
  kind: z.literal('scope'),
  /** Whether the subscribers of the candidate watch the whole sandbox. Null: the candidate has no subscribers. */
  everything: z.boolean().nullable(),
  added: z.array(z.string()),
  removed: z.array(z.string()),
});

const message = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal(['nudge', 'joined', 'awaited']) }),
  z.object({ kind: z.literal('failed'), failure: failure.nullable(), id: z.string().nullable() }),
  /** The candidate polls from now on. */
  z.object({ kind: z.literal('held'), term: z.number() }),
  /** The candidate no longer polls. */
  z.object({ kind: z.literal('released'), term: z.number() }),
  scopeChange,
]);

const envelope = z.object({
  /** The sending candidate. Null: the sending replica is no candidate. */
  from: candidate.nullable(),
  message,
});

export type ScopeChange = z.output<typeof scopeChange>;

/** A message on the channel of a feed. */
export type PollEnvelope = z.output<typeof envelope>;

export const encodeMessage = (from: string | null, sent: PollMessage | ScopeChange): string =>
  JSON.stringify({ from, message: sent });

/** Returns null for text that no replica of this version can have sent. */
export function decodeEnvelope(text: string): PollEnvelope | null {
  try {
    return envelope.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** The published scope of the subscribers of one candidate. */
export interface CandidateScope {
  everything: boolean;
  /** See `publishedIds`. */
  readonly ids: Set<string>;
}

/** Encodes the ids of a scope: `=id` for a watched id, `+id` for an id with watched results, `+` for all results. */
export const publishedIds = (scope: WatchScope | null): Set<string> =>
  new Set([
    ...[...(scope?.ids ?? [])].map((id) => `=${id}`),
    ...[...(scope?.results?.ids ?? [])].map((id) => `+${id}`),
    ...(scope?.results?.everything === true ? ['+'] : []),
  ]);

/** Decodes a published scope. */
export function scopeOf({ everything, ids }: CandidateScope): WatchScope {
  const marked = (mark: string) => [...ids].filter((id) => id.startsWith(mark) && id.length > 1);
  const named = (mark: string) => new Set(marked(mark).map((id) => id.slice(1)));
  const results = { everything: ids.has('+'), ids: named('+') };
  const hasResults = results.everything || results.ids.size > 0;
  return { everything, ids: named('='), ...(hasResults ? { results } : {}) };
}

/** A field of the hash of scopes: `<candidate>` for `everything`, `<candidate> <id>` for an id that it watches. */
const field = /^([\w-]+\/\d+)(?: (.*))?$/s;

/**
 * @param fields pairs of field and value
 * @returns the scope of each candidate, and the number of fields that no replica of this version can have written
 */
export function decodeScopes(fields: readonly string[]): {
  readonly scopes: Map<string, CandidateScope>;
  readonly undecodable: number;
} {
  const scopes = new Map<string, CandidateScope>();
  let undecodable = 0;
  for (let index = 0; index < fields.length; index += 2) {
    const [, name, id] = field.exec(fields[index] ?? '') ?? [];
    if (name === undefined) {
      undecodable += 1;
      continue;
    }
    const scope = scopes.get(name) ?? { everything: false, ids: new Set() };
    scopes.set(name, scope);
    if (id === undefined) scope.everything = fields[index + 1] === '1';
    else scope.ids.add(id);
  }
  return { scopes, undecodable };
}
