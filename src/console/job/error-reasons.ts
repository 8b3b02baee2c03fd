import { texts } from '../texts.ts';

const { reasons } = texts.job.errors;

/** Explains an error of the platform to a person, and names a remedy. */
export function reasonOf({ message }: { readonly message: string }): string {
  if (/dataset .*(deleted|not found|does not exist)/i.test(message)) return reasons.dataset;
  if (/not on the union schema|cannot be exported/i.test(message)) return reasons.schema;
  if (/abort/i.test(message)) return reasons.aborted;
  return reasons.other;
}
