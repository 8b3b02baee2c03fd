import type { Tenant } from '../domain/tenant.ts';
import type { WriteAction, WrittenEntity } from '../upstream/types.ts';

/**
 * Outcome of a change:
 * - `done`: the platform carried it out;
 * - `replayed`: an earlier change with the same idempotency key carried it out, so that nothing was changed now;
 * - `rejected`: the platform or the gateway refused it, and nothing was changed;
 * - `failed`: it could not be carried out, and nothing was changed;
 * - `unknown`: the platform may have carried it out.
 */
export type AuditOutcome = 'done' | 'replayed' | 'rejected' | 'failed' | 'unknown';

/** The caller of a change, and its request. */
export interface AuditCaller {
  readonly principal: string;
  /** Name of the caller in its platform credential; null: it has none, or the platform has not accepted it. */
  readonly platformUser: string | null;
  readonly tenant: Tenant;
  /** `x-request-id` of the caller's request. */
  readonly requestId: string;
}

/** One change that a caller requested. */
export interface AuditEntry extends AuditCaller {
  /** Name of the mutation field. */
  readonly operation: string;
  readonly entity: WrittenEntity;
  readonly action: WriteAction;
  /** The platform's id of the entity; null: it is not known. */
  readonly id: string | null;
  readonly outcome: AuditOutcome;
  /** Proof of the change: the platform's response, or its state after a lost response; null: nothing was changed. */
  readonly evidence: 'response' | 'state' | null;
  /** Error code that the caller receives; null: there was no error. */
  readonly code: string | null;
  /** HTTP status of the platform's response; null: none arrived, or nothing was sent. */
  readonly status: number | null;
  readonly idempotencyKey: string | null;
  /** Request id in the platform's response, else of the request to the platform; null: nothing was sent. */
  readonly platformRequestId: string | null;
}

/** Maximum length of one text, in characters. */
const maxTextLength = 200;

/**
 * One line of JSON in ASCII, of fewer than 4,096 bytes: systems write so much to a file or a pipe at once, so that lines
 * of several processes are not mixed.
 */
export function auditLine({ tenant, ...entry }: AuditEntry, time: Date): string {
  const line = {
    level: 'info',
    time: time.toISOString(),
    type: 'audit',
    principal: entry.principal,
    ...(entry.platformUser === null ? {} : { platformUser: entry.platformUser }),
    org: tenant.org,
    sandbox: tenant.sandbox,
    operation: entry.operation,
    action: entry.action,
    entity: entry.entity,
    id: entry.id,
    outcome: entry.outcome,
    evidence: entry.evidence,
    code: entry.code,
    status: entry.status,
    idempotencyKey: entry.idempotencyKey,
    requestId: entry.requestId,
    platformRequestId: entry.platformRequestId,
  };
  return `${ascii(JSON.stringify(line, (_, value: unknown) => (typeof value === 'string' ? bounded(value) : value)))}\n`;
}

const bounded = (text: string): string =>
  text.length <= maxTextLength ? text : `${text.slice(0, maxTextLength - 1)}…`;

// Some readers of lines also end a line at U+0085, U+2028 or U+2029.
const ascii = (json: string): string =>
  json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
