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

/** A segment definition. Null when the value has no id, without which it is not one. */
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

/** Type and format are empty where the platform names none. */
function decodeExpression(value: unknown): SegmentDefinition['expression'] {
  const expression = asRecord<'type' | 'format' | 'value'>(value);
  const text = readString(expression?.value);
  if (text === null) return null;
  return { type: readText(expression?.type) ?? '', format: readText(expression?.format) ?? '', value: text };
}

/** With its version, or its id alone. */
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

export interface SegmentDefinitionPage {
  readonly definitions: readonly SegmentDefinition[];
  /** The number of the next page; null on the last one. */
  readonly next: number | null;
  /** Definitions of the whole list as the platform reports them; null if it reports no such count. */
  readonly total: number | null;
}

/**
 * A page of segment definitions, `{segments, page: {totalPages}, link}`; null when the answer is no such list.
 *
 * The first page is asked for without a number, because it is not known whether the platform begins with 0 or 1. Should
 * it be 1, then page 1 is the first one again, and there is one page more: it is asked for where the last one was full.
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
    definitions: segments.flatMap((value: unknown) => decodeSegmentDefinition(value, context) ?? []),
    next: isLast ? null : next,
    total: readTotal(envelope?.totalCount, segments.length),
  };
}
