import type { Sandbox } from '../../domain/sandbox.ts';
import type { DecodeContext } from './decode-context.ts';
import { asRecord, readBoolean, readText } from './readers.ts';
import { type DecodedRows, decodeRows } from './rows.ts';

/**
 * A page of sandboxes; null if the response is no such list. A page with fewer rows than requested is the last one.
 * Dates are not read, because they are in no standard form.
 */
export function decodeSandboxPage(json: unknown, context: DecodeContext): DecodedRows<Sandbox> | null {
  const list = asRecord<'sandboxes'>(json)?.sandboxes;
  if (!Array.isArray(list)) return null;
  return decodeRows(list, (value: unknown) => {
    const record = asRecord<'name' | 'title' | 'type' | 'state' | 'isDefault'>(value);
    const name = readText(record?.name);
    if (name === null) {
      context.anomaly(record === null ? 'not-an-object' : 'missing-id');
      return null;
    }
    return {
      name,
      title: readText(record?.title),
      type: readText(record?.type),
      state: readText(record?.state),
      isDefault: readBoolean(record?.isDefault),
    };
  });
}
