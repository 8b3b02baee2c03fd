import { setMaxListeners } from 'node:events';
import type { Tenant } from '../domain/tenant.ts';
import type { PlatformMetrics } from '../metrics/platform.ts';
import type { Clock } from '../runtime/clock.ts';
import { type BatchesApi, createBatchesApi } from './apis/batches.ts';
import type { PlatformClient } from './apis/client.ts';
import { createDatasetsApi, type DatasetsApi } from './apis/datasets.ts';
import { createExportJobsApi, type ExportJobsApi } from './apis/export-jobs.ts';
import { createFilesApi, type FilesApi } from './apis/files.ts';
import { createMergePoliciesApi, type MergePoliciesApi } from './apis/merge-policies.ts';
import { createProfilesApi, type ProfilesApi } from './apis/profiles.ts';
import { createSandboxesApi, type SandboxesApi } from './apis/sandboxes.ts';
import { createSchedulesApi, type SchedulesApi } from './apis/schedules.ts';
import { createSegmentDefinitionsApi, type SegmentDefinitionsApi } from './apis/segment-definitions.ts';
import { createSegmentJobsApi, type SegmentJobsApi } from './apis/segment-jobs.ts';
import type { Caller } from './caller.ts';
import type { CreateAttempts } from './creates/attempts.ts';
import type {
  CarriedOut,
  PlatformRequest,
  ReadRequest,
  UpstreamRequest,
  UpstreamResponse,
  WriteClient,
} from './http/call.ts';
import { identityOf } from './http/call-identity.ts';
import type { HttpClient } from './http/client.ts';
import type { Download } from './http/download.ts';
import type { ConnectOptions, PlatformApi } from './platform-api.ts';
import { reportWrite } from './report-write.ts';
import type { WriteSubject } from './types.ts';

/** Parts that the connections of all callers share. */
export interface SharedParts {
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly metrics: PlatformMetrics;
  readonly attempts: CreateAttempts;
  /** Whether calls may request compressed responses. */
  readonly compression: boolean;
}

/**
 * The platform for one caller. Every operation has two and uses few of their parts, so that each part is created when
 * it is used.
 */
export class PlatformConnection implements PlatformApi, PlatformClient {
  readonly #shared: SharedParts;
  readonly #caller: Caller;
  readonly #options: ConnectOptions;
  #hasCalled = false;

  constructor(shared: SharedParts, caller: Caller, options: ConnectOptions) {
    this.#shared = shared;
    this.#caller = caller;
    this.#options = options;
  }

  get exportJobs(): ExportJobsApi {
    return createExportJobsApi(this);
  }

  get schedules(): SchedulesApi {
    return createSchedulesApi(this);
  }

  get segmentJobs(): SegmentJobsApi {
    return createSegmentJobsApi(this);
  }

  get segmentDefinitions(): SegmentDefinitionsApi {
    return createSegmentDefinitionsApi(this);
  }

  get mergePolicies(): MergePoliciesApi {
    return createMergePoliciesApi(this);
  }

  get profiles(): ProfilesApi {
    return createProfilesApi(this);
  }

  get datasets(): DatasetsApi {
    return createDatasetsApi(this);
  }

  get batches(): BatchesApi {
    return createBatchesApi(this);
  }

  get files(): FilesApi {
    return createFilesApi(this);
  }

  get sandboxes(): SandboxesApi {
    return createSandboxesApi(this);
  }

  get clock(): Clock {
    return this.#shared.clock;
  }

  get metrics(): PlatformMetrics {
    return this.#shared.metrics;
  }

  get attempts(): CreateAttempts {
    return this.#shared.attempts;
  }

  get tenant(): Tenant {
    return this.#caller.tenant;
  }

  call(request: ReadRequest): Promise<UpstreamResponse> {
    return this.#shared.http.call(this.#bind(request));
  }

  async write<Result>(
    subject: WriteSubject,
    carryOut: (sender: WriteClient) => Promise<CarriedOut<Result>>,
  ): Promise<Result> {
    const { reportWrite: report } = this.#options;
    if (report === undefined) throw new Error('A write needs a connection that reports it.');
    const call = (request: PlatformRequest) => this.#shared.http.call(this.#bind(request));
    return await reportWrite({ report, call }, subject, carryOut);
  }

  open(request: ReadRequest): Promise<Download> {
    return this.#shared.http.open(this.#bind(request));
  }

  /** The object has every property, so that all requests have one shape, which is much faster to copy. */
  #bind(request: PlatformRequest): UpstreamRequest {
    const { signal, priority = 'interactive', calls, trace, requestId } = this.#options;
    if (!this.#hasCalled) {
      this.#hasCalled = true;
      // Each call in flight has one listener, which is no leak. Most operations never use one of their two connections.
      if (signal instanceof AbortSignal) setMaxListeners(0, signal);
    }
    return {
      service: request.service,
      method: request.method,
      path: request.path,
      headers: request.headers,
      body: request.body,
      effect: request.effect,
      subject: request.subject,
      input: request.input,
      response: request.response,
      compressed: this.#shared.compression && request.compressed === true,
      sandboxed: request.sandboxed,
      timeoutMs: request.timeoutMs,
      caller: this.#caller,
      priority,
      calls,
      trace: trace?.call(request),
      call: identityOf(requestId, request),
      promoted: undefined,
      signal,
      ending: undefined,
      endsAtMs: undefined,
      lifetime: signal,
      authorization: undefined,
    };
  }
}
