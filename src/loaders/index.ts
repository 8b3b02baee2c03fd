import type { Batch, BatchField, BatchFile } from '../domain/batch.ts';
import type { CreatedJob } from '../domain/created-job.ts';
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
import type { TenantRuns } from '../runs/run-statistics.ts';
import type { BulkResult } from '../upstream/apis/bulk-read.ts';
import type { ExportJobReads, LazyExportJob } from '../upstream/apis/export-jobs.ts';
import type { SegmentJobsApi } from '../upstream/apis/segment-jobs.ts';
import type { PlatformApi } from '../upstream/platform-api.ts';
import { createLoader, type Loader, LoadFailure, loadEach } from './by-id.ts';
import { createExportJobLoader } from './export-job.ts';
import { createRunReads, notingExports, notingSegmentations, type RunReads } from './job-runs.ts';
import { type BatchConnectionOptions, readBatches } from './lists/batches.ts';
import { type DatasetConnectionOptions, readDatasets } from './lists/datasets.ts';
import { type ExportJobConnectionOptions, readExportJobs } from './lists/export-jobs.ts';
import { type FileConnectionOptions, readFailedFiles, readFiles } from './lists/files.ts';
import { readMergePolicies } from './lists/merge-policies.ts';
import { readSchedules } from './lists/schedules.ts';
import { readSegmentDefinitions, type SegmentDefinitionConnectionOptions } from './lists/segment-definitions.ts';
import { readRunsOfSchedule, readSegmentJobs, type SegmentJobConnectionOptions } from './lists/segment-jobs.ts';
import type { Connection, PageOptions } from './pagination/connection.ts';
import { createProfileLoader, type ProfileLoader } from './profile.ts';
import { createRequesterLoader, type ReadRequesters, type RequesterLoader } from './requester.ts';

interface SelectedFields {
  readonly dataset?: ReadonlySet<DatasetField>;
  readonly batch?: ReadonlySet<BatchField>;
  /** Whether the segment memberships of profiles are selected. */
  readonly memberships?: boolean;
}

/** Loaders of one operation, bound to its tenant and credential. */
export interface Loaders {
  readonly exportJob: Loader<ExportJobId, ExportJob | LazyExportJob>;
  readonly dataset: Loader<DatasetId, Dataset>;
  readonly batch: Loader<BatchId, Batch>;
  readonly schedule: Loader<ScheduleId, Schedule>;
  readonly segmentJob: Loader<SegmentJobId, SegmentJob>;
  readonly segmentDefinition: Loader<SegmentId, SegmentDefinition>;
  readonly mergePolicy: Loader<MergePolicyId, MergePolicy>;
  profile(query: ProfileQuery): Promise<Profile | null>;
  exportJobs(options: ExportJobConnectionOptions): Promise<Connection<LazyExportJob>>;
  datasets(options: DatasetConnectionOptions): Promise<Connection<Dataset>>;
  batches(options: BatchConnectionOptions): Promise<Connection<Batch>>;
  files(options: FileConnectionOptions): Promise<Connection<BatchFile>>;
  failedFiles(options: FileConnectionOptions): Promise<Connection<BatchFile>>;
  errorSample(id: BatchId): Promise<readonly Readonly<Record<string, unknown>>[]>;
  schedules(options: PageOptions): Promise<Connection<Schedule>>;
  segmentJobs(options: SegmentJobConnectionOptions): Promise<Connection<SegmentJob>>;
  segmentDefinitions(options: SegmentDefinitionConnectionOptions): Promise<Connection<SegmentDefinition>>;
  mergePolicies(options: PageOptions): Promise<Connection<MergePolicy>>;
  /** The newest segment jobs that a schedule started. */
  runsOfSchedule(id: ScheduleId, first: number): Promise<readonly SegmentJob[]>;
  /** The sandboxes that the caller may use. */
  sandboxes(): Promise<readonly Sandbox[]>;
  /** Name of the caller who created a job through this gateway. Null if it is not known. */
  requester(job: CreatedJob): Promise<string | null>;
  /** The ended runs of the tenant, for expectations and comparisons. They cause no call per job. */
  readonly runs: RunReads;
  /** Sets the fields that the operation selects, by type. Only these are requested. Without a call, all fields are. */
  select(selection: ReadonlyMap<string, ReadonlySet<string>>): void;
  /** Loaders of the same selection that have read nothing yet, for one event of a subscription. */
  fresh(api: PlatformApi): Loaders;
}

/** What loaders of a tenant read besides the platform. */
export interface TenantReads {
  /** The runs of the tenant, which are also filled from the lists that the loaders read. */
  readonly runs: TenantRuns;
  /** Whether an additional page of runs may be read (see createRunReads). */
  readonly readsRuns: boolean;
  readonly readRequesters: ReadRequesters;
}

export const createLoaders = (api: PlatformApi, reads: TenantReads): Loaders => new OperationLoaders(api, reads, {});

/**
 * Each loader is created when it is first used, because an operation uses few loaders, and an idle subscription none.
 */
class OperationLoaders implements Loaders {
  readonly #api: PlatformApi;
  readonly #reads: TenantReads;
  #fields: SelectedFields;
  #runs: RunReads | undefined;
  #exportJob: Loader<ExportJobId, ExportJob | LazyExportJob> | undefined;
  #dataset: Loader<DatasetId, Dataset> | undefined;
  #batch: Loader<BatchId, Batch> | undefined;
  #schedule: Loader<ScheduleId, Schedule> | undefined;
  #segmentJob: Loader<SegmentJobId, SegmentJob> | undefined;
  #segmentDefinition: Loader<SegmentId, SegmentDefinition> | undefined;
  #mergePolicy: Loader<MergePolicyId, MergePolicy> | undefined;
  #profile: ProfileLoader | undefined;
  #requester: RequesterLoader | undefined;
  #sandboxes: Promise<readonly Sandbox[]> | undefined;

  constructor(api: PlatformApi, reads: TenantReads, fields: SelectedFields) {
    this.#api = api;
    this.#reads = reads;
    this.#fields = fields;
  }

  get exportJob(): Loader<ExportJobId, ExportJob | LazyExportJob> {
    this.#exportJob ??= createExportJobLoader(this.#exportJobs);
    return this.#exportJob;
  }

  get dataset(): Loader<DatasetId, Dataset> {
    this.#dataset ??= createLoader({
      idOf: ({ id }) => id,
      loadMany: (ids) => this.#api.datasets.getMany(ids, { fields: this.#fields.dataset }).then(toLoaderResults),
    });
    return this.#dataset;
  }

  get batch(): Loader<BatchId, Batch> {
    this.#batch ??= createLoader({
      idOf: ({ id }) => id,
      loadMany: (ids) => this.#api.batches.getMany(ids, { fields: this.#fields.batch }).then(toLoaderResults),
    });
    return this.#batch;
  }

  get schedule(): Loader<ScheduleId, Schedule> {
    this.#schedule ??= createLoader({
      idOf: ({ id }) => id,
      // One call lists all schedules, of which there is usually one.
      loadMany: (ids) =>
        ids.length === 1
          ? loadEach((id: ScheduleId) => this.#api.schedules.get(id))(ids)
          : this.#api.schedules.listWith(ids).then(toLoaderResults),
    });
    return this.#schedule;
  }

  get segmentJob(): Loader<SegmentJobId, SegmentJob> {
    this.#segmentJob ??= createLoader({
      idOf: ({ id }) => id,
      loadMany: (ids) => this.#segmentJobs.getMany(ids).then(toLoaderResults),
    });
    return this.#segmentJob;
  }

  get segmentDefinition(): Loader<SegmentId, SegmentDefinition> {
    this.#segmentDefinition ??= createLoader({
      idOf: ({ id }) => id,
      loadMany: (ids) => this.#api.segmentDefinitions.getMany(ids).then(toLoaderResults),
    });
    return this.#segmentDefinition;
  }

  get mergePolicy(): Loader<MergePolicyId, MergePolicy> {
    this.#mergePolicy ??= createLoader({
      idOf: ({ id }) => id,
      loadMany: (ids) => this.#api.mergePolicies.getMany(ids).then(toLoaderResults),
    });
    return this.#mergePolicy;
  }

  async profile(query: ProfileQuery): Promise<Profile | null> {
    this.#profile ??= createProfileLoader(this.#api.profiles);
    const fields = this.#fields.memberships === true ? withMemberships(query.fields) : query.fields;
    const found = await this.#profile({ ...query, fields });
    if (found === null || fields === query.fields) return found;
    // The attribute was requested for the memberships. The result contains only the attributes that the caller named.
    const { [membershipAttribute]: _, ...attributes } = found.attributes;
    return { ...found, attributes };
  }

  // No field loads jobs by id below a list of jobs. Priming would only keep the jobs in memory until the operation
  // ends.
  async exportJobs(options: ExportJobConnectionOptions): Promise<Connection<LazyExportJob>> {
    const runs = options.filter?.isOverdue === undefined ? null : await this.runs.exportJobs();
    return readExportJobs(this.#exportJobs, options, runs === null ? undefined : (job) => runs.isOverdue(job));
  }

  async datasets(options: DatasetConnectionOptions): Promise<Connection<Dataset>> {
    return primeAll(this.dataset, await readDatasets(this.#api.datasets, options, this.#fields.dataset));
  }

  async batches(options: BatchConnectionOptions): Promise<Connection<Batch>> {
    return primeAll(this.batch, await readBatches(this.#api.batches, options, this.#fields.batch));
  }

  files(options: FileConnectionOptions): Promise<Connection<BatchFile>> {
    return readFiles(this.#api.files, options);
  }

  failedFiles(options: FileConnectionOptions): Promise<Connection<BatchFile>> {
    return readFailedFiles(this.#api.files, options);
  }

  errorSample(id: BatchId): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return this.#api.files.readErrorSample(id);
  }

  async schedules(options: PageOptions): Promise<Connection<Schedule>> {
    return primeAll(this.schedule, await readSchedules(this.#api.schedules, options));
  }

  async segmentJobs(options: SegmentJobConnectionOptions): Promise<Connection<SegmentJob>> {
    const runs = options.filter?.isOverdue === undefined ? null : await this.runs.segmentJobs();
    return readSegmentJobs(this.#segmentJobs, options, runs === null ? undefined : (job) => runs.isOverdue(job));
  }

  async segmentDefinitions(options: SegmentDefinitionConnectionOptions): Promise<Connection<SegmentDefinition>> {
    return primeAll(this.segmentDefinition, await readSegmentDefinitions(this.#api.segmentDefinitions, options));
  }

  async mergePolicies(options: PageOptions): Promise<Connection<MergePolicy>> {
    return primeAll(this.mergePolicy, await readMergePolicies(this.#api.mergePolicies, options));
  }

  runsOfSchedule(id: ScheduleId, first: number): Promise<readonly SegmentJob[]> {
    return readRunsOfSchedule(this.#segmentJobs, id, first);
  }

  requester(job: CreatedJob): Promise<string | null> {
    this.#requester ??= createRequesterLoader(this.#reads.readRequesters);
    return this.#requester(job);
  }

  get runs(): RunReads {
    this.#runs ??= createRunReads(this.#reads.runs, this.#reads.readsRuns ? this.#api : null);
    return this.#runs;
  }

  get #exportJobs(): ExportJobReads<LazyExportJob> {
    return notingExports(this.#api.exportJobs.lazy, this.#reads.runs.exportJobs);
  }

  get #segmentJobs(): Pick<SegmentJobsApi, 'list' | 'getMany'> {
    return notingSegmentations(this.#api.segmentJobs, this.#reads.runs.segmentJobs);
  }

  sandboxes(): Promise<readonly Sandbox[]> {
    this.#sandboxes ??= this.#api.sandboxes.available();
    return this.#sandboxes;
  }

  select(selection: ReadonlyMap<string, ReadonlySet<string>>): void {
    this.#fields = {
      // Names that are no field of the entity are harmless, because they select nothing.
      dataset: (selection.get('Dataset') ?? nothing) as ReadonlySet<DatasetField>,
      batch: (selection.get('Batch') ?? nothing) as ReadonlySet<BatchField>,
      memberships: selection.get('Profile')?.has('segmentMemberships') ?? false,
    };
  }

  fresh(api: PlatformApi): Loaders {
    return new OperationLoaders(api, { ...this.#reads, readsRuns: false }, this.#fields);
  }
}

const nothing: ReadonlySet<string> = new Set();

/** Adds the attribute of the memberships, because the platform omits it if only other attributes are requested. */
const withMemberships = (fields: ProfileQuery['fields']): ProfileQuery['fields'] =>
  fields === null || fields.some((path) => path.split('.', 1)[0] === membershipAttribute)
    ? fields
    : [...fields, membershipAttribute];

const membershipAttribute = 'segmentMembership';

/** Adds the entities of a list to a loader, so that they are not read again by id. */
function primeAll<Id extends string, Entity>(loader: Loader<Id, Entity>, page: Connection<Entity>): Connection<Entity> {
  loader.primeAll(page.nodes);
  return page;
}

/** Converts the result of a bulk read for a loader. */
const toLoaderResults = <Id extends string, Entity>({
  found,
  failed,
}: BulkResult<Id, Entity>): readonly (Entity | LoadFailure<Id>)[] =>
  failed.length === 0 ? found : [...found, ...failed.map(({ id, error }) => new LoadFailure(id, error))];
