import { orgProblem, parseTenant, sandboxProblem, type Tenant } from '../domain/tenant.ts';
import { type InputIssue, InvalidInputError } from '../errors.ts';
import type { RequestHeaders } from './caller-headers.ts';

/** The gateway has no roles of its own in these modes, so the platform decides on each read and write. */
export const platformDecides = {
  allowedSandboxes: null,
  canRead: true,
  canWrite: true,
  canReadData: true,
  expiresAt: null,
} as const;

/** @param issuer end of the sentence that names the issuer of the token, such as `of the platform` */
export function notBearer(authorization: string | null, issuer: string): string {
  const rule = `must hold a bearer token ${issuer}`;
  if (authorization === null) return `The header Authorization is missing. It ${rule}.`;
  return authorization.trim() === ''
    ? `The header Authorization is empty. It ${rule}.`
    : `The header Authorization ${rule}: Bearer, a space and the token.`;
}

/**
 * The tenant that the headers name, else the default.
 * @throws {InvalidInputError} organization or sandbox is missing or invalid
 */
export function tenantOf(headers: RequestHeaders, defaultOrg: string | null, defaultSandbox: string): Tenant {
  const org = headers('x-gw-ims-org-id') ?? defaultOrg;
  const sandbox = headers('x-sandbox-name') ?? defaultSandbox;
  const issues = [
    issueOf('x-gw-ims-org-id', org === null ? 'is missing' : orgProblem(org)),
    issueOf('x-sandbox-name', sandboxProblem(sandbox)),
  ].flat();
  const tenant = org === null || issues.length > 0 ? null : parseTenant(org, sandbox);
  if (tenant === null) throw new InvalidInputError(issues);
  return tenant;
}

/**
 * Reports a header as an invalid argument. Its value is not repeated, because it may be a credential in the wrong
 * header.
 */
export const issueOf = (header: string, problem: string | null): readonly InputIssue[] =>
  problem === null ? [] : [{ path: header, message: `the header ${problem}` }];
