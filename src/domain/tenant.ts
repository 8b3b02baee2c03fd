declare const brand: unique symbol;

/** A string that only the function that checked it can make: an id of one kind cannot stand where another is asked for. */
export type Branded<Name extends string> = string & { readonly [brand]: Name };

/** `{24 hex digits}@AdobeOrg` */
export type OrgId = Branded<'OrgId'>;
export type SandboxName = Branded<'SandboxName'>;

/** Whose data it is: always both together, never two loose strings. */
export interface Tenant {
  readonly org: OrgId;
  readonly sandbox: SandboxName;
}

/** The tenant as the first part of a key. No two tenants share one, whatever characters their names hold. */
export const tenantKey = ({ org, sandbox }: Tenant): string => JSON.stringify([org, sandbox]);

const orgPattern = /^[A-Za-z0-9]{1,64}@AdobeOrg$/;
const sandboxPattern = /^[a-z0-9][a-z0-9-]{0,255}$/;

/** The rule that a text breaks as the id of an organization; null if it can be one. */
export const orgProblem = (text: string): string | null =>
  problem(text, orgPattern, 'must be up to 64 letters and digits, followed by @AdobeOrg');

/** The rule that a text breaks as the name of a sandbox; null if it can be one. */
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

/** The tenant named by two strings from outside, or null when either could not be the name of one. */
export function parseTenant(org: string, sandbox: string): Tenant | null {
  if (!orgPattern.test(org) || !sandboxPattern.test(sandbox)) return null;
  // The only place where these brands are given: both patterns have just been checked.
  return { org: org as OrgId, sandbox: sandbox as SandboxName };
}
