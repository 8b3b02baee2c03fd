import type { z } from 'zod';

/** What is wrong with a value, one `path: message` per issue. @param root name of the value itself */
export function issuesOf(error: z.ZodError, root: string): string {
  return error.issues.map(({ path, message }) => `${path.join('.') || root}: ${message}`).join('; ');
}
