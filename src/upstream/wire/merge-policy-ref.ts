import type { MergePolicyRef } from '../../domain/export-job.ts';
import { platformId } from '../../domain/ids.ts';
import { asRecord, readId, readInteger } from './readers.ts';

/** `{id, version?}`; null without an id. */
export function decodeMergePolicyRef(value: unknown): MergePolicyRef | null {
  const policy = asRecord<'id' | 'version'>(value);
  const id = readId(policy?.id);
  return id === null ? null : { id: platformId(id), version: readInteger(policy?.version) };
}
