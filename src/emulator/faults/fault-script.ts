import { z } from 'zod';
import type { Service } from '../errors.ts';

/** Maximum number of rules in a script. */
const maximumRules = 100;
/** Longest pause of a rule, in milliseconds. */
const maximumPauseMs = 600_000;
/** Largest chunk of a dripping body, in bytes. */
const maximumChunkBytes = 65_536;
/** Maximum value of `Retry-After`, in seconds. */
const maximumRetryAfterSeconds = 86_400;
/** Maximum length of a text in a script, in characters. */
const maximumTextLength = 500;

const services = ['ims', 'ups', 'profile-access', 'catalog', 'data-access', 'sandbox'] as const satisfies Service[];

/**
 * Error format of a scripted status. `called` is the format of the called service. The name of a service selects the
 * format of that service, so that a caller receives an unexpected format. `gateway` is the API gateway in front of the
 * services (`error_code`, `message`), `etag` is a version conflict (`errorMessage`), `empty` has no body.
 * `profile-access` with 429 is the list with `retryAfterMs`.
 */
const statusBody = z.enum(['called', 'gateway', 'etag', 'empty', ...services]);

const text = z.string().min(1).max(maximumTextLength);
/** Ids of export jobs are numbers, ids of segment jobs are strings. */
const jobId = z.union([text, z.int().min(0).transform(String)]);
const pauseMs = z.int().min(0).max(maximumPauseMs);

const fault = z.discriminatedUnion('kind', [
  /** A pause, either before the request is processed or after it, when the response is ready. */
  z.strictObject({
    kind: z.literal('latency'),
    ms: pauseMs,
    when: z.enum(['before', 'after-apply']).default('before'),
  }),
  /** An error response; the request is not carried out. */
  z.strictObject({
    kind: z.literal('status'),
    status: z.int().min(400).max(599),
    body: statusBody.default('called'),
    retryAfterSeconds: z.int().min(0).max(maximumRetryAfterSeconds).optional(),
  }),
  /**
   * The connection breaks: before the request is carried out, after it but before any byte is sent, or in the middle of
   * the body. A response without a body breaks as with `after-apply`.
   */
  z.strictObject({ kind: z.literal('reset'), when: z.enum(['before', 'after-apply', 'during-body']) }),
  /**
   * The first half of the JSON, with a matching `content-length`. The request is carried out, as with the next two
   * faults.
   */
  z.strictObject({ kind: z.literal('truncate') }),
  /** An HTML page with a JSON content type. */
  z.strictObject({ kind: z.literal('invalidJson') }),
  /** The body in chunks, with a pause before each. */
  z.strictObject({
    kind: z.literal('drip'),
    chunkBytes: z.int().min(1).max(maximumChunkBytes),
    everyMs: pauseMs,
  }),
  /** All tokens issued so far become invalid, starting with this request. */
  z.strictObject({ kind: z.literal('expireTokens') }),
  /**
   * Replaces `status` of jobs in the response with `value`: of the job `id`, or of all jobs. The jobs themselves are
   * not affected.
   */
  z.strictObject({ kind: z.literal('unknownStatus'), value: text, id: jobId.optional() }),
  /** The export or segment job `id` is 404. It is missing in lists, whose total does not change. */
  z.strictObject({ kind: z.literal('vanish'), id: jobId }),
]);

const match = z
  .strictObject({
    service: z.enum(services).optional(),
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']).optional(),
    /** Prefix of the path, without the query. */
    path: z.string().startsWith('/').max(maximumTextLength).optional(),
    /**
     * Only requests that change the platform. `POST` requests for tokens, bulk reads and profile access do not count as
     * changes.
     */
    writesOnly: z.boolean().default(false),
    readsOnly: z.boolean().default(false),
  })
  .refine(({ writesOnly, readsOnly }) => !(writesOnly && readsOnly), 'writesOnly and readsOnly exclude each other');

const rule = z.strictObject({
  match: match.prefault({}),
  /** Number of matching requests that pass unaffected before the rule takes effect. */
  after: z.int().min(0).default(0),
  /** Maximum number of requests that the rule hits; null = unlimited. */
  times: z.int().min(1).nullable().default(null),
  /** Share of the matching requests that the rule hits. The seed determines which requests these are. */
  probability: z.number().min(0).max(1).default(1),
  fault,
});

const script = z.strictObject({
  /** The same seed gives the same faults for the same requests in the same order. */
  seed: z.int().default(1),
  rules: z.array(rule).max(maximumRules),
});

/** A script as written, in which defaults may be left out. */
export type FaultScript = z.input<typeof script>;
/** A script with all defaults filled in. */
export type CompleteFaultScript = z.output<typeof script>;
export type FaultRule = z.output<typeof rule>;
export type Fault = z.output<typeof fault>;
export type StatusBody = z.output<typeof statusBody>;

/** Thrown when a fault script is invalid; the message lists all issues. */
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
