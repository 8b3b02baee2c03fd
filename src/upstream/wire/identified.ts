import type { DecodeContext } from './decode-context.ts';
import { readEntryError } from './entry-error.ts';
import { asRecord, readId, type WireRecord } from './readers.ts';

/** The value as an object with an id. Null, and counted as an anomaly, if it is no such object, or an error about one. */
export function identified<Keys extends string>(
  value: unknown,
  context: DecodeContext,
): { readonly record: WireRecord<Keys>; readonly id: string } | null {
  const record = asRecord<Keys | 'id'>(value);
  const id = readId(record?.id);
  const isError = readEntryError(value) !== null;
  if (record !== null && id !== null && !isError) return { record, id };
  context.anomaly(record === null ? 'not-an-object' : isError ? 'error' : 'missing-id');
  return null;
}
