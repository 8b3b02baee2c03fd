import type { Branded } from './tenant.ts';

/** Ids of the platform, one brand per kind. They are opaque: nothing here or elsewhere checks their form. */
export type ExportJobId = Branded<'ExportJobId'>;
export type DatasetId = Branded<'DatasetId'>;
export type BatchId = Branded<'BatchId'>;
export type DataSetFileId = Branded<'DataSetFileId'>;
export type MergePolicyId = Branded<'MergePolicyId'>;
export type SegmentId = Branded<'SegmentId'>;
export type ScheduleId = Branded<'ScheduleId'>;
export type SegmentJobId = Branded<'SegmentJobId'>;

/**
 * Gives a string the brand of the place it was found in (a decoded field, an id argument whose type was checked).
 * The platform's ids have no form to check, so this is the one cast for all of them.
 */
export const platformId = <Id extends Branded<string>>(value: string): Id => value as Id;
