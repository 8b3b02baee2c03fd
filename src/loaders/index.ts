import type { Batch, BatchField, BatchFile } from '../domain/batch.ts';
import type { Dataset, DatasetField } from '../domain/dataset.ts';
import type { ExportJob } from '../domain/export-job.ts';
import type {
  BatchId,
  DatasetId,
  ExportJobId,
  MergePolicyId,
  ScheduleId,
  SegmentId,
  SegmentJobId,
} from '../domain/ids.ts';
import type { MergePolicy } from '../domain/merge-policy.ts';
import type { Profile, ProfileQuery } from '../domain/profile.ts';
import type { Sandbox } from '../domain/sandbox.ts';
import type { Schedule } from '../domain/schedule.ts';
import type { SegmentDefinition } from '../domain/segment-definition.ts';
import type { SegmentJob } from '../domain/segment-job.ts';
import type { PlatformApi } from '../upstream/platform-api.ts';
import type { BulkResult } from '../upstream/segmentation-api.ts';
import { type BatchConnectionOptions, type FileConnectionOptions, readBatches, readFiles } from './batch-connection.ts';
import type { Connection } from './connection.ts';
import { createLoader, type Loader, LoadFailure, loadEach } from './create-loader.ts';
import { type DatasetConnectionOptions, readDatasets } from './dataset-connection.ts';
import { type ExportJobConnectionOptions, readExportJobs } from './export-job-connection.ts';
import { createExportJobLoader } from './export-job-loader.ts';
import { createProfileLoader } from './profile-loader.ts';
import {
  type PageOptions,
  readMergePolicies,
  readRunsOfSchedule,
  readSchedules,
  readSegmentDefinitions,
  readSegmentJobs,
  type SegmentJobConnectionOptions,
} from './segmentation-connection.ts';

interface SelectedFields {
  readonly dataset?: ReadonlySet<DatasetField>;
  readonly batch?: ReadonlySet<BatchField>;
  /** Whether the segment memberships of profiles are selected. */
  readonly memberships?: boolean;
}

/** Loaders of one operation, bound to its tenant and credential. */
export interface Loaders {
  readonly exportJob: Loader<ExportJobId, ExportJob>;
  readonly dataset: Loader<DatasetId, Dataset>;
  readonly batch: Loader<BatchId, Batch>;
  readonly schedule: Loader<ScheduleId, Schedule>;
  readonly segmentJob: Loader<SegmentJobId, SegmentJob>;
  readonly segmentDefinition: Loader<SegmentId, SegmentDefinition>;
  readonly mergePolicy: Loader<MergePolicyId, MergePolicy>;
  profile(query: ProfileQuery): Promise<Profile | null>;
  exportJobs(options: ExportJobConnectionOptions): Promise<Connection<ExportJob>>;
  datasets(options: DatasetConnectionOptions): Promise<Connection<Dataset>>;
  batches(options: BatchConnectionOptions): Promise<Connection<Batch>>;
  files(options: FileConnectionOptions): Promise<Connection<BatchFile>>;
  schedules(options: PageOptions): Promise<Connection<Schedule>>;
  segmentJobs(options: SegmentJobConnectionOptions): Promise<Connection<SegmentJob>>;
  segmentDefinitions(options: PageOptions): Promise<Connection<SegmentDefinition>>;
  mergePolicies(options: PageOptions): Promise<Connection<MergePolicy>>;
  /** The newest segment jobs that a schedule started. */
  runsOfSchedule(id: ScheduleId, first: number): Promise<readonly SegmentJob[]>;
  /** The sandboxes that the caller may use. */
  sandboxes(): Promise<readonly Sandbox[]>;
  /** What the operation selects, by type: no more is asked for. Before it is called, everything is. */
  select(selection: ReadonlyMap<string, ReadonlySet<string>>): void;
  /** Forgets everything. Called before each event of a subscription, whose context lives as long as it does. */
  clear(): void;
}

export function createLoaders(api: PlatformApi): Loaders {
  let fields: SelectedFields = {};

  const exportJob = createExportJobLoader(api.exportJobs);
  const dataset = createLoader({
    idOf: ({ id }: Dataset) => id,
    loadMany: (ids) => api.datasets.getMany(ids, fields.dataset),
  });
  const batch = createLoader({
    idOf: ({ id }: Batch) => id,
    loadMany: (ids) => api.batches.getMany(ids, fields.batch),
  });
  const schedule = createLoader({
    idOf: ({ id }: Schedule) => id,
    // One list holds them all; there is usually one.
    loadMany: ([first, ...others]) =>
      others.length === 0 && first !== undefined
        ? loadEach((id: ScheduleId) => api.schedules.get(id))([first])
        : api.schedules.list(),
  });
  const segmentJob = createLoader({
    idOf: ({ id }: SegmentJob) => id,
    loadMany: async (ids) => bulk(await api.segmentJobs.getMany(ids)),
  });
  const segmentDefinition = createLoader({
    idOf: ({ id }: SegmentDefinition) => id,
    loadMany: async (ids) => bulk(await api.segmentDefinitions.getMany(ids)),
  });
  const mergePolicy = createLoader({
    idOf: ({ id }: MergePolicy) => id,
    loadMany: async (ids) => bulk(await api.mergePolicies.getMany(ids)),
  });
  const profile = createProfileLoader(api.profiles);
  let sandboxes: Promise<readonly Sandbox[]> | undefined;

  return {
    exportJob,
    dataset,
    batch,
    schedule,
    segmentJob,
    segmentDefinition,
    mergePolicy,
    profile: async (query) => {
      const asked = fields.memberships === true ? withMemberships(query.fields) : query.fields;
      const found = await profile.load({ ...query, fields: asked });
      if (found === null || asked === query.fields) return found;
      // It was asked for on behalf of the memberships: the attributes hold what the caller named.
      const { [membershipAttribute]: _, ...attributes } = found.attributes;
      return { ...found, attributes };
    },
    exportJobs: async (options) => primed(exportJob, await readExportJobs(api.exportJobs, options)),
    datasets: async (options) => primed(dataset, await readDatasets(api.datasets, options, fields.dataset)),
    batches: async (options) => primed(batch, await readBatches(api.batches, options, fields.batch)),
    files: (options) => readFiles(api.files, options),
    schedules: async (options) => primed(schedule, await readSchedules(api.schedules, options)),
    segmentJobs: async (options) => primed(segmentJob, await readSegmentJobs(api.segmentJobs, options)),
    segmentDefinitions: async (options) =>
      primed(segmentDefinition, await readSegmentDefinitions(api.segmentDefinitions, options)),
    mergePolicies: async (options) => primed(mergePolicy, await readMergePolicies(api.mergePolicies, options)),
    runsOfSchedule: (id, first) => readRunsOfSchedule(api.segmentJobs, id, first),
    sandboxes: () => {
      sandboxes ??= api.sandboxes.available();
      return sandboxes;
    },
    select: (selection) => {
      fields = {
        // Names that no field of the entity has are harmless: they choose nothing.
        dataset: (selection.get('Dataset') ?? new Set()) as ReadonlySet<DatasetField>,
        batch: (selection.get('Batch') ?? new Set()) as ReadonlySet<BatchField>,
        memberships: selection.get('Profile')?.has('segmentMemberships') ?? false,
      };
    },
    clear: () => {
      for (const loader of [exportJob, dataset, batch, schedule, segmentJob, segmentDefinition, mergePolicy, profile]) {
        loader.clear();
      }
      sandboxes = undefined;
    },
  };
}

/** Memberships are an attribute like others to the platform: it leaves them out where only others are asked for. */
const withMemberships = (fields: ProfileQuery['fields']): ProfileQuery['fields'] =>
  fields === null || fields.some((path) => path.split('.', 1)[0] === membershipAttribute)
    ? fields
    : [...fields, membershipAttribute];

const membershipAttribute = 'segmentMembership';

/** What a list has given need not be read again by its id. */
function primed<Id extends string, Entity>(loader: Loader<Id, Entity>, page: Connection<Entity>): Connection<Entity> {
  for (const node of page.nodes) loader.prime(node);
  return page;
}

/** A bulk answer as a loader takes it. */
const bulk = <Id extends string, Entity>({
  found,
  failed,
}: BulkResult<Id, Entity>): readonly (Entity | LoadFailure<Id>)[] => [
  ...found,
  ...failed.map(({ id, error }) => new LoadFailure(id, error)),
];
