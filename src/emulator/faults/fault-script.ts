import { z } from 'zod';
import type { Service } from '../errors.ts';

/** Most rules in a script. */
const maximumRules = 100;
/** Longest pause that a rule may ask for, in milliseconds. */
const maximumPauseMs = 600_000;
/** Largest piece of a dripping body, in bytes. */
const maximumChunkBytes = 65_536;
/** Longest wait that `Retry-After` may ask for, in seconds. */
const maximumRetryAfterSeconds = 86_400;
/** Most characters of a text in a script. */
const maximumTextLength = 500;

const services = ['ims', 'ups', 'profile-access', 'catalog', 'data-access', 'sandbox'] as const satisfies Service[];

/**
 * Whose shape the body of a scripted status has: `called`, the service that the request is for; one service by name, to
 * answer in a shape that nobody expects there; `gateway`, the API gateway in front (`error_code`, `message`); `etag`,
 * the clash of versions (`errorMessage`); `empty`, no body at all. `profile-access` with 429 is the list with
 * `retryAfterMs`.
 */
const statusBody = z.enum(['called', 'gateway', 'etag', 'empty', ...services]);

const text = z.string().min(1).max(maximumTextLength);
/** Ids of export jobs are numbers, those of segment jobs are not. */
const jobId = z.union([text, z.int().min(0).transform(String)]);
const pauseMs = z.int().min(0).max(maximumPauseMs);

const fault = z.discriminatedUnion('kind', [
  /** A pause, before the request is looked at or when it has been carried out and the answer is ready. */
  z.strictObject({
    kind: z.literal('latency'),
    ms: pauseMs,
    when: z.enum(['before', 'after-apply']).default('before'),
  }),
  /** An error answer; the request is not carried out. */
  z.strictObject({
    kind: z.literal('status'),
    status: z.int().min(400).max(599),
    body: statusBody.default('called'),
    retryAfterSeconds: z.int().min(0).max(maximumRetryAfterSeconds).optional(),
  }),
  /**
   * The connection breaks: before the request is carried out, when it has been and nothing was sent, or in the middle of
   * the body. An answer without a body breaks as with `after-apply`.
   */
  z.strictObject({ kind: z.literal('reset'), when: z.enum(['before', 'after-apply', 'during-body']) }),
  /** The first half of the JSON, with a `content-length` that fits. The request is carried out; so it is for the next two. */
  z.strictObject({ kind: z.literal('truncate') }),
  /** A page of HTML that claims to be JSON. */
  z.strictObject({ kind: z.literal('invalidJson') }),
  /** The body in pieces, with a pause before each. */
  z.strictObject({
    kind: z.literal('drip'),
    chunkBytes: z.int().min(1).max(maximumChunkBytes),
    everyMs: pauseMs,
  }),
  /** Every token handed out so far stops being valid, from this request on. */
  z.strictObject({ kind: z.literal('expireTokens') }),
  /** `status` of jobs in the answer is `value`: of the job `id`, or of all of them. The jobs themselves go on as before. */
  z.strictObject({ kind: z.literal('unknownStatus'), value: text, id: jobId.optional() }),
  /** The export or segment job `id` is 404, and missing in lists, whose total stays as it is. */
  z.strictObject({ kind: z.literal('vanish'), id: jobId }),
]);

const match = z
  .strictObject({
    service: z.enum(services).optional(),
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']).optional(),
    /** What the path begins with; the query does not count. */
    path: z.string().startsWith('/').max(maximumTextLength).optional(),
    /** Only what changes something; `POST` of tokens, bulk reads and profile access do not. */
    writesOnly: z.boolean().default(false),
    readsOnly: z.boolean().default(false),
  })
  .refine(({ writesOnly, readsOnly }) => !(writesOnly && readsOnly), 'writesOnly and readsOnly exclude each other');

const rule = z.strictObject({
  match: match.prefault({}),
  /** Matching requests that pass untouched before the rule begins. */
  after: z.int().min(0).default(0),
  /** Requests that the rule hits before it ends; null for no end. */
  times: z.int().min(1).nullable().default(null),
  /** Share of the matching requests that the rule hits. Which ones they are follows from the seed. */
  probability: z.number().min(0).max(1).default(1),
  fault,
});

const script = z.strictObject({
  /** Same seed, same requests in the same order: same faults. */
  seed: z.int().default(1),
  rules: z.array(rule).max(maximumRules),
});

/** A script as it is written, defaults left out. */
export type FaultScript = z.input<typeof script>;
/** A script with its defaults. */
export type CompleteFaultScript = z.output<typeof script>;
export type FaultRule = z.output<typeof rule>;
export type Fault = z.output<typeof fault>;
export type StatusBody = z.output<typeof statusBody>;

/** Thrown when a fault script cannot be used; the message names everything that is wrong with it. */
export class FaultScriptError extends Error {
  override readonly name = 'FaultScriptError';
}

/**
 * Checks a script and fills in its defaults.
 * @throws {FaultScriptError}
 */
export function parseFaultScript(value: unknown): CompleteFaultScript {
  const parsed = script.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'script'}: ${message}`);
  throw new FaultScriptError(issues.join('; '));
}
