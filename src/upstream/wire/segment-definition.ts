import type { MergePolicyRef } from '../../domain/export-job.ts';
import { platformId } from '../../domain/ids.ts';
import type { EvaluationMethod, SegmentDefinition } from '../../domain/segment-definition.ts';
import { evaluationMethods } from '../../domain/segment-definition.ts';
import type { DecodeContext } from './decode-context.ts';
import { identified } from './identified.ts';
import { decodeMergePolicyRef } from './merge-policy-ref.ts';
import {
  asRecord,
  readBoolean,
  readCount,
  readId,
  readString,
  readText,
  readTotal,
  type WireRecord,
} from './readers.ts';
import { type DecodedRows, decodeRows } from './rows.ts';
import { readTime } from './time.ts';

type SegmentDefinitionKey =
  | 'name'
  | 'description'
  | 'expression'
  | 'mergePolicyId'
  | 'mergePolicy'
  | 'evaluationInfo'
  | 'creationTime'
  | 'createEpoch'
  | 'updateTime'
  | 'updateEpoch';

/** A segment definition. Null if the value has no id. */
export function decodeSegmentDefinition(value: unknown, context: DecodeContext): SegmentDefinition | null {
  const found = identified<SegmentDefinitionKey>(value, context);
  if (found === null) return null;
  const { record, id } = found;
  return {
    id: platformId(id),
    name: readString(record.name),
    description: readString(record.description),
    expression: decodeExpression(record.expression),
    mergePolicy: decodeMergePolicy(record),
    evaluation: decodeEvaluation(record.evaluationInfo),
    createdAt: readTime(record.creationTime, context) ?? readTime(record.createEpoch, context),
    updatedAt: readTime(record.updateTime, context) ?? readTime(record.updateEpoch, context),
  };
}

/** Type and format are empty if the platform omits them. */
function decodeExpression(value: unknown): SegmentDefinition['expression'] {
  const expression = asRecord<'type' | 'format' | 'value'>(value);
  const text = readString(expression?.value);
  if (text === null) return null;
  return { type: readText(expression?.type) ?? '', format: readText(expression?.format) ?? '', value: text };
}

/** The reference to the merge policy, with its version or with its id only. */
function decodeMergePolicy(record: WireRecord<SegmentDefinitionKey>): MergePolicyRef | null {
  const id = readId(record.mergePolicyId);
  return decodeMergePolicyRef(record.mergePolicy) ?? (id === null ? null : { id: platformId(id), version: null });
}

function decodeEvaluation(value: unknown): readonly EvaluationMethod[] {
  const info = asRecord<Lowercase<EvaluationMethod>>(value) ?? {};
  const enabled = (method: unknown) => readBoolean(asRecord<'enabled'>(method)?.enabled) === true;
  const byMethod = {
    BATCH: enabled(info.batch),
    CONTINUOUS: enabled(info.continuous),
    SYNCHRONOUS: enabled(info.synchronous),
  } satisfies Record<EvaluationMethod, boolean>;
  return evaluationMethods.filter((method) => byMethod[method]);
}

export interface SegmentDefinitionPage extends DecodedRows<SegmentDefinition> {
  /** The number of the next page; null on the last page. */
  readonly next: number | null;
  /** Number of definitions of the whole list; null if the platform does not report it. */
  readonly total: number | null;
}

/**
 * A page of segment definitions, `{segments, page: {totalPages}, link}`; null if the response is no such list.
 *
 * The first page is requested without a number, because it is not known whether the platform counts from 0 or 1. If it
 * counts from 1, page 1 is the first page again and there is one more page, which is requested if the last page was
 * full.
 * @param page counted from 0
 */
export function decodeSegmentDefinitions(
  json: unknown,
  { page, limit }: { readonly page: number; readonly limit: number },
  context: DecodeContext,
): SegmentDefinitionPage | null {
  const body = asRecord<'segments' | 'page'>(json);
  const segments = body?.segments;
  if (body === null || !Array.isArray(segments)) return null;
  const envelope = asRecord<'totalPages' | 'totalCount'>(body.page);
  const totalPages = readCount(envelope?.totalPages);
  const full = segments.length >= limit;
  const next = page + 1;
  const isLast =
    segments.length === 0 ||
    (totalPages === null ? !full : next >= totalPages && !(full && next === totalPages && totalPages > 1));
  return {
    ...decodeRows(segments, (value: unknown) => decodeSegmentDefinition(value, context)),
    next: isLast ? null : next,
    total: readTotal(envelope?.totalCount, segments.length),
  };
}
