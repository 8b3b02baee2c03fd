import type { z } from 'zod';

/** Formats the issues of a value, one `path: message` per issue. @param root name of the value itself */
export function issuesOf(error: z.ZodError, root: string): string {
  return error.issues.map((issue) => `${issue.path.join('.') || root}: ${messageOf(issue)}`).join('; ');
}

/** Message of an issue. For an invalid record key, it contains the issues of the key. */
function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_key') return issue.message;
  return issue.issues.map(({ message }) => message).join(', ');
}
