import type { SegmentSelection } from '../../domain/export-job.ts';
import { platformId } from '../../domain/ids.ts';
import type { DecodeContext } from './decode-context.ts';
import { readMembershipStatus } from './membership-status.ts';
import { asList, isText, readId, readText, type WireRecord } from './readers.ts';

const defaultNamespace = 'ups';

export type SegmentSelectionKey = 'segmentId' | 'segmentNs' | 'status';

/** A segment of an export, in its filter or in one of its batches. Null without a segment id. */
export function decodeSegmentSelection(
  record: WireRecord<SegmentSelectionKey>,
  context: DecodeContext,
): SegmentSelection | null {
  const id = readId(record.segmentId);
  if (id === null) return null;
  return {
    segmentId: platformId(id),
    segmentNs: readText(record.segmentNs) ?? defaultNamespace,
    // The status is a list or a plain string.
    statuses: record.status === undefined ? [] : decodeStatuses(record.status, context),
  };
}

const decodeStatuses = (value: unknown, context: DecodeContext): SegmentSelection['statuses'] =>
  asList(value)
    .filter(isText)
    .map((raw) => readMembershipStatus(raw, context));
