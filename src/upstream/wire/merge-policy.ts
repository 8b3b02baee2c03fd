import { platformId } from '../../domain/ids.ts';
import type { MergePolicy } from '../../domain/merge-policy.ts';
import { type ChildrenPage, decodeChildren } from './children.ts';
import type { DecodeContext } from './decode-context.ts';
import { identified } from './identified.ts';
import { asList, asRecord, readBoolean, readId, readInteger, readString, readText } from './readers.ts';
import { readTime } from './time.ts';

type MergePolicyKey = 'name' | 'version' | 'default' | 'identityGraph' | 'attributeMerge' | 'updateEpoch';

/** A merge policy. Null if the value has no id. */
export function decodeMergePolicy(value: unknown, context: DecodeContext): MergePolicy | null {
  const found = identified<MergePolicyKey>(value, context);
  if (found === null) return null;
  const { record, id } = found;
  const attributeMerge = asRecord<'type' | 'order'>(record.attributeMerge);
  const order = asList(attributeMerge?.order).flatMap((dataset) => readId(dataset) ?? []);
  return {
    id: platformId(id),
    name: readString(record.name),
    version: readInteger(record.version),
    isDefault: readBoolean(record.default) ?? false,
    identityGraph: readText(asRecord<'type'>(record.identityGraph)?.type),
    attributeMerge: readText(attributeMerge?.type),
    datasetPrecedence: order.length === 0 ? null : order.map((dataset) => platformId(dataset)),
    updatedAt: readTime(record.updateEpoch, context),
  };
}

/**
 * The start of the next page: the `start` of the link, `@/mergePolicies?start=…`, else the `next` of `_page`. It is
 * opaque text without spaces. Null on the last page, and if it is the start of this page.
 */
export function decodeNextPolicyStart(page: ChildrenPage<MergePolicy>, start: string | undefined): string | null {
  // A plus that the platform did not encode was decoded as a space.
  const linked = readText(page.link?.query.get('start'))?.replaceAll(' ', '+');
  const next = linked ?? page.pageNext;
  return page.rows === 0 || next === start ? null : next;
}

/** A page of merge policies; null if the response is no such list. */
export const decodeMergePolicies = (json: unknown, context: DecodeContext): ChildrenPage<MergePolicy> | null =>
  decodeChildren(json, (value) => decodeMergePolicy(value, context));
