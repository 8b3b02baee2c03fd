import { type BatchesApi, createBatchesApi } from './apis/batches.ts';
import { createDatasetsApi, type DatasetsApi } from './apis/datasets.ts';
import { createExportJobsApi, type ExportJobsApi } from './apis/export-jobs.ts';
import { createFilesApi, type FilesApi } from './apis/files.ts';
import { createMergePoliciesApi, type MergePoliciesApi } from './apis/merge-policies.ts';
import { createProfilesApi, type ProfilesApi } from './apis/profiles.ts';
import { createSandboxesApi, type SandboxesApi } from './apis/sandboxes.ts';
import { createSchedulesApi, type SchedulesApi } from './apis/schedules.ts';
import { createSegmentDefinitionsApi, type SegmentDefinitionsApi } from './apis/segment-definitions.ts';
import { createSegmentJobsApi, type SegmentJobsApi } from './apis/segment-jobs.ts';
import type { PlatformApi } from './platform-api.ts';
import type { PlatformClient } from './platform-client.ts';

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
