import type { z } from 'zod';

/** Issues of a value, one `path: message` per issue. @param root name of the value itself */
export function issuesOf(error: z.ZodError, root: string): string {
  return error.issues.map((issue) => `${issue.path.join('.') || root}: ${messageOf(issue)}`).join('; ');
}

/** The issue of a record's key contains the issues of the key. */
function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_key') return issue.message;
  return issue.issues.map(({ message }) => message).join(', ');
}
