import { createBatchesApi } from './catalog-batches.ts';
import { createDatasetsApi } from './catalog-datasets.ts';
import { createFilesApi } from './data-access.ts';
import { createExportJobsApi } from './export-jobs.ts';
import { createMergePoliciesApi } from './merge-policies.ts';
import type { BatchesApi, DatasetsApi, ExportJobsApi, FilesApi, PlatformApi, SandboxesApi } from './platform-api.ts';
import type { PlatformClient } from './platform-client.ts';
import { createProfilesApi } from './profiles.ts';
import { createSandboxesApi } from './sandboxes.ts';
import { createSchedulesApi } from './schedules.ts';
import { createSegmentDefinitionsApi } from './segment-definitions.ts';
import { createSegmentJobsApi } from './segment-jobs.ts';
import type {
  MergePoliciesApi,
  ProfilesApi,
  SchedulesApi,
  SegmentDefinitionsApi,
  SegmentJobsApi,
} from './segmentation-api.ts';

/**
 * The platform for one caller. Every operation has two and uses few of their parts, so that each part is created when
 * it is first used.
 */
export class PlatformConnection implements PlatformApi {
  readonly #connect: () => PlatformClient;
  #client: PlatformClient | undefined;

  /** @param connect called once, when the first part is used */
  constructor(connect: () => PlatformClient) {
    this.#connect = connect;
  }

  get exportJobs(): ExportJobsApi {
    return createExportJobsApi(this.#connected);
  }

  get schedules(): SchedulesApi {
    return createSchedulesApi(this.#connected);
  }

  get segmentJobs(): SegmentJobsApi {
    return createSegmentJobsApi(this.#connected);
  }

  get segmentDefinitions(): SegmentDefinitionsApi {
    return createSegmentDefinitionsApi(this.#connected);
  }

  get mergePolicies(): MergePoliciesApi {
    return createMergePoliciesApi(this.#connected);
  }

  get profiles(): ProfilesApi {
    return createProfilesApi(this.#connected);
  }

  get datasets(): DatasetsApi {
    return createDatasetsApi(this.#connected);
  }

  get batches(): BatchesApi {
    return createBatchesApi(this.#connected);
  }

  get files(): FilesApi {
    return createFilesApi(this.#connected);
  }

  get sandboxes(): SandboxesApi {
    return createSandboxesApi(this.#connected);
  }

  get #connected(): PlatformClient {
    this.#client ??= this.#connect();
    return this.#client;
  }
}
