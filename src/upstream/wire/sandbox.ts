import type { Sandbox } from '../../domain/sandbox.ts';
import type { DecodeContext } from './decode-context.ts';
import { asRecord, readBoolean, readText } from './readers.ts';

export interface SandboxPage {
  readonly sandboxes: readonly Sandbox[];
  /**
   * Number of rows of the response, including rows without a name. A page with fewer rows than requested is the last
   * page.
   */
  readonly rows: number;
}

/**
 * A page of sandboxes; null if the response is no such list. Dates are not read, because they are in no standard form.
 */
export function decodeSandboxPage(json: unknown, context: DecodeContext): SandboxPage | null {
  const list = asRecord<'sandboxes'>(json)?.sandboxes;
  if (!Array.isArray(list)) return null;
  const sandboxes = list.flatMap((value: unknown): Sandbox | Sandbox[] => {
    const record = asRecord<'name' | 'title' | 'type' | 'state' | 'isDefault'>(value);
    const name = readText(record?.name);
    if (name === null) {
      context.anomaly(record === null ? 'not-an-object' : 'missing-id');
      return [];
    }
    return {
      name,
      title: readText(record?.title),
      type: readText(record?.type),
      state: readText(record?.state),
      isDefault: readBoolean(record?.isDefault),
    };
  });
  return { sandboxes, rows: list.length };
}
