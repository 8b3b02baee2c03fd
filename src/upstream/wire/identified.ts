import type { DecodeContext } from './decode-context.ts';
import { asRecord, readId, type WireRecord } from './readers.ts';

/** The value as an object that names its id; null, and counted, when it is none. */
export function identified<Keys extends string>(
  value: unknown,
  context: DecodeContext,
): { readonly record: WireRecord<Keys>; readonly id: string } | null {
  const record = asRecord<Keys | 'id'>(value);
  const id = readId(record?.id);
  if (record !== null && id !== null) return { record, id };
  context.anomaly(record === null ? 'not-an-object' : 'missing-id');
  return null;
}
