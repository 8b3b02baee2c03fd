import { z } from 'zod';
import { jsonOrUndefined } from '../../src/runtime/json-or-undefined.ts';

/** A finding that is accepted for a time. */
export interface Acceptance {
  /** Address of the advisory, for example `https://github.com/advisories/GHSA-…`. */
  readonly advisory: string;
  readonly reason: string;
  /** Last day on which it is accepted, as `YYYY-MM-DD`. */
  readonly until: string;
}

const advisory = z.object({ url: z.string(), title: z.string(), severity: z.string() });
const report = z.object({
  vulnerabilities: z.record(z.string(), z.object({ name: z.string(), via: z.array(z.union([z.string(), advisory])) })),
});

export type AuditResult =
  | { readonly kind: 'unavailable' }
  /** Texts of findings that are not accepted, each with its package, and of acceptances that match nothing. */
  | { readonly kind: 'findings'; readonly findings: readonly string[]; readonly unused: readonly string[] };

/**
 * Judges the output of `npm audit --json`.
 * @param output a report; anything else means that the registry serves no advisories
 * @param today as `YYYY-MM-DD`
 */
export function judgeAudit(output: string, accepted: readonly Acceptance[], today: string): AuditResult {
  const { success, data } = report.safeParse(jsonOrUndefined(output));
  if (!success) return { kind: 'unavailable' };
  // A text in `via` is the name of another vulnerable package, which has an entry of its own.
  const advisories = Object.values(data.vulnerabilities).flatMap(({ name, via }) =>
    via.flatMap((cause) => (typeof cause === 'string' ? [] : [{ name, ...cause }])),
  );
  const found = new Set(advisories.map(({ url }) => url));
  const open = new Set(accepted.filter(({ until }) => today <= until).map(({ advisory }) => advisory));
  const findings = advisories
    .filter(({ url }) => !open.has(url))
    .map(({ name, severity, title, url }) => `${name}: ${title} (${severity}), ${url}`);
  const unused = accepted.filter(({ advisory }) => !found.has(advisory)).map(({ advisory }) => advisory);
  return { kind: 'findings', findings: [...new Set(findings)], unused };
}
