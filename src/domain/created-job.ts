import type { ExportJobId, SegmentJobId } from './ids.ts';

/** Names a job of a kind that callers can create, because ids are unique only within a kind. */
export type CreatedJob =
  | { readonly type: 'ExportJob'; readonly id: ExportJobId }
  | { readonly type: 'SegmentJob'; readonly id: SegmentJobId };

/** The job as a text that is unique per sandbox. */
export const createdJobKey = ({ type, id }: CreatedJob): string => `${type}:${id}`;
