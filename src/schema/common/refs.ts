import type { Batch } from '../../domain/batch.ts';
import type { Dataset } from '../../domain/dataset.ts';
import type { ExportJob } from '../../domain/export-job.ts';
import type { MergePolicy } from '../../domain/merge-policy.ts';
import type { Schedule } from '../../domain/schedule.ts';
import type { SegmentDefinition } from '../../domain/segment-definition.ts';
import type { SegmentJob } from '../../domain/segment-job.ts';
import { builder } from '../builder.ts';
import { connectionType } from './connection.ts';

/**
 * References to the types that refer to each other. Each type is implemented in the file with its name. The references
 * are together in this file so that those files do not import one another in circles.
 */
export const BatchRef = builder.objectRef<Batch>('Batch');
export const BatchConnection = connectionType('Batch', BatchRef);

export const DatasetRef = builder.objectRef<Dataset>('Dataset');
export const DatasetConnection = connectionType('Dataset', DatasetRef);

export const ExportJobRef = builder.objectRef<ExportJob>('ExportJob');
export const ExportJobConnection = connectionType('ExportJob', ExportJobRef);

export const MergePolicyRef = builder.objectRef<MergePolicy>('MergePolicy');
export const MergePolicyConnection = connectionType('MergePolicy', MergePolicyRef);

export const ScheduleRef = builder.objectRef<Schedule>('Schedule');
export const ScheduleConnection = connectionType('Schedule', ScheduleRef);

export const SegmentDefinitionRef = builder.objectRef<SegmentDefinition>('SegmentDefinition');
export const SegmentDefinitionConnection = connectionType('SegmentDefinition', SegmentDefinitionRef);

export const SegmentJobRef = builder.objectRef<SegmentJob>('SegmentJob');
export const SegmentJobConnection = connectionType('SegmentJob', SegmentJobRef);

/** Any type that implements Node. */
export type Entity = Batch | Dataset | ExportJob | MergePolicy | Schedule | SegmentDefinition | SegmentJob;
