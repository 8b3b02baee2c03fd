declare const brand: unique symbol;

/**
 * A string that only the function that checked it can create. An id of one kind cannot be passed where another kind is
 * required.
 */
export type Branded<Name extends string> = string & { readonly [brand]: Name };

/** `{24 hex digits}@AdobeOrg` */
export type OrgId = Branded<'OrgId'>;
export type SandboxName = Branded<'SandboxName'>;

/** The owner of data. Both names are always passed together. */
export interface Tenant {
  readonly org: OrgId;
  readonly sandbox: SandboxName;
}

/** Keys of tenants. The requests of one connection share their tenant. */
const knownKeys = new WeakMap<Tenant, string>();

/** The tenant as the first part of a key. It is unique per tenant, regardless of the characters in the names. */
export function tenantKey(tenant: Tenant): string {
  const known = knownKeys.get(tenant);
  if (known !== undefined) return known;
  const key = JSON.stringify([tenant.org, tenant.sandbox]);
  knownKeys.set(tenant, key);
  return key;
}

const orgPattern = /^[A-Za-z0-9]{1,64}@AdobeOrg$/;
const sandboxPattern = /^[a-z0-9][a-z0-9-]{0,255}$/;

/** The rule that a text violates as the id of an organization; null: it is valid. */
export const orgProblem = (text: string): string | null =>
  problem(text, orgPattern, 'must be up to 64 letters and digits, followed by @AdobeOrg');

/** The rule that a text violates as the name of a sandbox; null: it is valid. */
export const sandboxProblem = (text: string): string | null =>
  problem(
    text,
    sandboxPattern,
    'must be up to 256 lower-case letters, digits and hyphens, and not begin with a hyphen',
  );

function problem(text: string, pattern: RegExp, rule: string): string | null {
  if (text === '') return 'is empty';
  return pattern.test(text) ? null : rule;
}

/** Creates a tenant from two external strings; null: one of them is not a valid name. */
export function parseTenant(org: string, sandbox: string): Tenant | null {
  if (!orgPattern.test(org) || !sandboxPattern.test(sandbox)) return null;
  // The only place that assigns these brands, because both patterns have just been checked.
  return { org: org as OrgId, sandbox: sandbox as SandboxName };
}
