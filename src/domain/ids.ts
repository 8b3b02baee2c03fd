import type { Branded } from './tenant.ts';

/** Ids of the platform, one brand per kind. They are opaque, so their form is not checked anywhere. */
export type ExportJobId = Branded<'ExportJobId'>;
export type DatasetId = Branded<'DatasetId'>;
export type BatchId = Branded<'BatchId'>;
export type DataSetFileId = Branded<'DataSetFileId'>;
export type MergePolicyId = Branded<'MergePolicyId'>;
export type SegmentId = Branded<'SegmentId'>;
export type ScheduleId = Branded<'ScheduleId'>;
export type SegmentJobId = Branded<'SegmentJobId'>;

/**
 * Brands a string according to its origin, such as a decoded field or an id argument of a checked type. This is the
 * only cast for ids, because the platform's ids have no form to check.
 */
export const platformId = <Id extends Branded<string>>(value: string): Id => value as Id;
