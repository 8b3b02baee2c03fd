import { expectedRunFields, type PlainRun } from './expected-runs.ts';
import type {
  PlatformReading,
  WireBatch,
  WireDataset,
  WireExportJob,
  WireJobError,
  WireMergePolicy,
  WireProfile,
  WireSchedule,
  WireSegmentDefinition,
  WireSegmentJob,
  WireSegmentSelection,
  WireSpan,
} from './platform-reading.ts';

/**
 * Expected responses of the gateway, written from the public contract and the platform's documentation, with one direct
 * expression per field. It uses no code of the gateway.
 */

/** Time at which the gateway reads, which its responses contain. */
export interface ReadingMoment {
  readonly now: Date;
}

const unionProfile = 'https://ns.adobe.com/xdm/context/profile__union';
const dayMs = 86_400_000;

const instant = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());
const moment = (text: string | undefined): string | null => (text === undefined ? null : new Date(text).toISOString());
const epoch = (seconds: number): string => new Date(seconds * 1_000).toISOString();
const list = (text: string | undefined): readonly string[] | null =>
  text === undefined ? null : text.split(',').map((path) => path.trim());
const some = (text: string | undefined): string | null => (text === undefined || text === '' ? null : text);

function exportRun(job: WireExportJob): PlainRun {
  const { filter, destination, metrics } = job;
  const segments = (filter?.segments ?? []).map(({ segmentId, segmentNs = 'ups', status = [] }) =>
    [segmentId, segmentNs, ...[status].flat().toSorted()].join('|'),
  );
  const eventList = job.additionalFields?.eventList;
  return {
    id: String(job.id),
    type: 'ExportJob',
    status: job.status,
    schedule: null,
    request: JSON.stringify([
      segments.toSorted(),
      list(job.fields)?.toSorted(),
      [filter?.emptyProfiles === true, filter?.fromIngestTimestamp !== undefined],
      [filter?.segmentQualificationTime?.startTime, filter?.segmentQualificationTime?.endTime].map(
        (time) => time === undefined,
      ),
      eventList && [list(eventList.fields)?.toSorted()],
      [eventList?.filter?.fromIngestTimestamp, eventList?.filter?.toIngestTimestamp].map((time) => time === undefined),
      job.mergePolicy?.id,
      [destination.datasetId ?? destination.dataSetId, destination.segmentPerBatch === true],
    ]),
    createdMs: job.creationTime,
    startedMs: metrics.totalTime?.startTimeInMs ?? null,
    endedMs: metrics.totalTime?.endTimeInMs ?? null,
    profiles: metrics.totalExportedProfileCounter ?? null,
    namespaces: metrics.exportedProfileByNamespaceCounter ?? {},
    segments: (filter?.segments ?? []).map(({ segmentId }) => segmentId),
  };
}

function segmentationRun(job: WireSegmentJob): PlainRun {
  const { metrics } = job;
  const namespaces: Record<string, number> = {};
  for (const counters of Object.values(metrics?.segmentedProfileByNamespaceCounter ?? {})) {
    for (const [namespace, count] of Object.entries(counters))
      namespaces[namespace] = (namespaces[namespace] ?? 0) + count;
  }
  const named = job.segments.map(({ segmentId }) => segmentId);
  return {
    id: job.id,
    type: 'SegmentJob',
    status: job.status,
    schedule: job.properties?.scheduleId ?? null,
    request: named.includes('*') ? '*' : named.toSorted().join('|'),
    createdMs: job.creationTime,
    startedMs: metrics?.totalTime?.startTimeInMs ?? null,
    endedMs: metrics?.totalTime?.endTimeInMs ?? null,
    profiles: metrics?.totalProfiles ?? null,
    namespaces,
    segments: named.includes('*') ? [] : named,
  };
}

export class ExpectedAnswers {
  readonly #platform: PlatformReading;
  readonly #now: Date;
  readonly #datasets: ReadonlyMap<string, WireDataset>;
  readonly #batches: ReadonlyMap<string, WireBatch>;

  constructor(platform: PlatformReading, { now }: ReadingMoment) {
    this.#platform = platform;
    this.#now = now;
    this.#datasets = new Map(platform.datasets);
    this.#batches = new Map(platform.batches);
  }

  get exportJobs() {
    return this.#platform.exportJobs.map((job) => this.#exportJob(job));
  }

  get datasets() {
    return this.#platform.datasets.map(([id, dataset]) => this.#dataset(id, dataset));
  }

  get batches() {
    return this.#platform.batches.map(([id, batch]) => this.#batch(id, batch));
  }

  /** The batches of a dataset. */
  batchesOf(dataset: string) {
    return this.#platform.batches
      .filter(([, batch]) => datasetOf(batch) === dataset)
      .map(([id, batch]) => this.#batch(id, batch));
  }

  get schedules() {
    return this.#platform.schedules
      .toSorted((a, b) => b.createEpoch - a.createEpoch)
      .map((schedule) => this.#schedule(schedule));
  }

  get segmentJobs() {
    return this.#platform.segmentJobs.map((job) => this.#segmentJob(job));
  }

  get segmentDefinitions() {
    return this.#platform.segmentDefinitions.map((definition) => this.#segmentDefinition(definition));
  }

  get mergePolicies() {
    return this.#platform.mergePolicies.map((policy) => this.#mergePolicy(policy));
  }

  profile({ entityId, entity, lastModifiedAt }: WireProfile) {
    const memberships = Object.entries(entity.segmentMembership ?? {}).flatMap(([namespace, bySegment]) =>
      Object.entries(bySegment).map(([segmentId, membership]) => ({
        namespace,
        segmentId,
        definition: this.#definitionRef(segmentId, namespace),
        status: membership.status.toUpperCase(),
        lastQualificationTime: moment(membership.lastQualificationTime),
      })),
    );
    return { entityId, attributes: entity, segmentMemberships: memberships, lastModifiedAt: moment(lastModifiedAt) };
  }

  #exportJob(job: WireExportJob) {
    const { filter, destination, metrics, computeGatewayJobId: compute } = job;
    const eventList = job.additionalFields?.eventList;
    const datasetId = destination.datasetId ?? destination.dataSetId ?? '';
    return {
      id: `ExportJob:${job.id}`,
      platformId: String(job.id),
      ...statusOf(job),
      jobType: job.jobType,
      fields: list(job.fields),
      schema: job.schema ?? null,
      mergePolicy: job.mergePolicy === undefined ? null : this.#policyReference(job.mergePolicy),
      filter:
        filter === undefined
          ? null
          : {
              segments: (filter.segments ?? []).map((segment) => this.#selection(segment)),
              segmentQualificationTime:
                filter.segmentQualificationTime === undefined
                  ? null
                  : {
                      startTime: moment(filter.segmentQualificationTime.startTime),
                      endTime: moment(filter.segmentQualificationTime.endTime),
                    },
              fromIngestTimestamp: moment(filter.fromIngestTimestamp),
              emptyProfiles: filter.emptyProfiles ?? false,
            },
      eventList:
        eventList === undefined
          ? null
          : {
              fields: list(eventList.fields),
              fromIngestTimestamp: moment(eventList.filter?.fromIngestTimestamp),
              toIngestTimestamp: moment(eventList.filter?.toIngestTimestamp),
            },
      destination: {
        datasetId,
        dataset: this.#datasetRef(datasetId),
        segmentPerBatch: destination.segmentPerBatch ?? false,
        batches: this.#destinationBatches(destination),
      },
      metrics: {
        totalTime: span(metrics.totalTime),
        profileExportTime: span(metrics.profileExportTime),
        datasetWriteTime: span(metrics.aCPDatasetWriteTime),
        totalExportedProfiles: metrics.totalExportedProfileCounter ?? null,
        exportedProfilesByNamespace: counts(metrics.exportedProfileByNamespaceCounter),
      },
      errors: (job.errors ?? []).map(jobError),
      computeJobs:
        some(compute?.exportJob) === null && some(compute?.pushJob) === null
          ? null
          : { exportJob: some(compute?.exportJob), pushJob: some(compute?.pushJob) },
      profileInstanceId: job.profileInstanceId ?? null,
      requestId: job.requestId ?? null,
      requestedBy: null,
      organizationId: job.imsOrgId ?? null,
      createdAt: instant(job.creationTime),
      updatedAt: instant(job.updateTime),
      observedAt: this.#now.toISOString(),
      ...expectedRunFields(exportRun(job), this.#platform.exportJobs.map(exportRun), this.#now.getTime()),
    };
  }

  #destinationBatches({ batches, batchId }: WireExportJob['destination']) {
    const whole = (id: string) => ({ batchId: id, batch: this.#batchRef(id), segment: null });
    if (batches === undefined) return some(batchId) === null ? [] : [whole(batchId ?? '')];
    return [batches].flat().map((entry) => ({
      batchId: entry.batchId,
      batch: this.#batchRef(entry.batchId),
      segment: this.#selection(entry),
    }));
  }

  #selection({ segmentId, segmentNs = 'ups', status = [] }: WireSegmentSelection) {
    const statuses = [status].flat().map((each) => each.toUpperCase());
    return { segmentId, segmentNs, statuses, definition: this.#definitionRef(segmentId, segmentNs) };
  }

  #dataset(id: string, dataset: WireDataset) {
    const writing = this.#platform.exportJobs.filter(
      ({ destination }) => (destination.datasetId ?? destination.dataSetId) === id,
    );
    return {
      id: `Dataset:${id}`,
      platformId: id,
      name: dataset.name ?? null,
      description: dataset.description ?? null,
      schemaRef:
        dataset.schemaRef === undefined
          ? null
          : { id: dataset.schemaRef.id, contentType: dataset.schemaRef.contentType ?? null },
      fileFormat: dataset.fileDescription?.format ?? dataset.fileDescription?.containerFormat ?? null,
      isUnionProfileDataset: dataset.schemaRef?.id === unionProfile,
      version: dataset.version ?? null,
      state: dataset.state ?? null,
      tags: Object.entries(dataset.tags ?? {}).map(([name, values]) => ({ name, values })),
      recordCount: dataset.extensions?.adobe_lakeHouse?.metrics?.rowCount ?? null,
      sizeBytes: dataset.extensions?.adobe_lakeHouse?.metrics?.storageSize ?? null,
      measuredAt: instant(dataset.extensions?.adobe_lakeHouse?.metrics?.asOf),
      lastBatch: this.#batchRef(dataset.lastBatchId),
      lastBatchId: dataset.lastBatchId ?? null,
      lastSuccessfulBatchId: dataset.lastSuccessfulBatch ?? null,
      lastSuccessfulBatch: this.#batchRef(dataset.lastSuccessfulBatch),
      exportJobs: { nodes: writing.slice(0, 100).map((job) => ({ id: `ExportJob:${job.id}` })) },
      createdBy: dataset.createdUser ?? null,
      createdAt: instant(dataset.created),
      updatedAt: instant(dataset.updated),
    };
  }

  #batch(id: string, batch: WireBatch) {
    const { metrics } = batch;
    const dataset = datasetOf(batch);
    return {
      id: `Batch:${id}`,
      platformId: id,
      status: batchStatus(batch),
      rawStatus: batch.status,
      isTerminal: !['loading', 'loaded', 'queued', 'processing', 'staging', 'staged', 'retrying', 'stalled'].includes(
        batch.status,
      ),
      datasetId: dataset ?? null,
      dataset: dataset === undefined ? null : this.#datasetRef(dataset),
      recordCount: firstKnown(metrics?.outputRecordCount, metrics?.recordsWritten, batch.recordCount),
      failedRecordCount: firstKnown(metrics?.failedRecordCount, metrics?.recordsFailed, batch.failedRecordCount),
      sizeBytes: firstKnown(metrics?.outputByteSize, metrics?.inputByteSize, batch.size),
      errors: [
        ...(batch.errors ?? []).map(({ code, description, recordCount }) => ({
          code,
          message: description,
          callStack: null,
          recordCount: recordCount ?? null,
        })),
        ...(metrics?.failureReason === undefined ||
        batch.errors?.some(({ description }) => description === metrics.failureReason)
          ? []
          : [{ code: '', message: metrics.failureReason, callStack: null, recordCount: null }]),
      ],
      predecessorIds: batch.replay?.predecessors ?? [],
      successorId: batch.tags?.acp_successor?.[0] ?? null,
      startedAt: instant(metrics?.startTime ?? batch.started),
      completedAt: instant(metrics?.endTime ?? batch.completed),
      createdAt: instant(batch.created),
      updatedAt: instant(batch.updated),
    };
  }

  #schedule(schedule: WireSchedule) {
    const runs = this.#platform.segmentJobs.filter((job) => job.properties?.scheduleId === schedule.id);
    return {
      id: `Schedule:${schedule.id}`,
      platformId: schedule.id,
      name: schedule.name,
      type: schedule.type.toUpperCase(),
      rawType: schedule.type,
      frequency: schedule.frequency ?? null,
      state: schedule.state.toUpperCase(),
      schedule: schedule.schedule,
      nextRuns: schedule.state === 'active' ? dailyRuns(schedule.schedule, this.#now, 3) : [],
      segmentIds: schedule.properties.segments ?? [],
      recentRuns: runs.slice(0, 100).map(({ id }) => ({ id: `SegmentJob:${id}` })),
      createdAt: epoch(schedule.createEpoch),
      updatedAt: epoch(schedule.updateEpoch),
    };
  }

  #segmentJob(job: WireSegmentJob) {
    const { metrics } = job;
    const byNamespace = metrics?.segmentedProfileByNamespaceCounter ?? {};
    const byStatus = metrics?.segmentedProfileByStatusCounter ?? {};
    // The counters may contain segments that the job does not list.
    const ids = new Set([
      ...job.segments.map(({ segmentId }) => segmentId),
      ...Object.keys(metrics?.segmentedProfileCounter ?? {}),
    ]);
    const schedule = this.#platform.schedules.find(({ id }) => id === job.properties?.scheduleId);
    return {
      id: `SegmentJob:${job.id}`,
      platformId: job.id,
      ...statusOf(job),
      source: job.source ?? null,
      scheduleId: job.properties?.scheduleId ?? null,
      schedule: schedule === undefined ? null : { id: `Schedule:${schedule.id}`, name: schedule.name },
      segments: [...ids].map((segmentId) => ({
        segmentId,
        definition: segmentId === '*' ? null : this.#definitionRef(segmentId, 'ups'),
        profileCount: metrics?.segmentedProfileCounter?.[segmentId] ?? null,
        profilesByNamespace: counts(byNamespace[segmentId]),
        profilesByStatus: Object.entries(byStatus[segmentId] ?? {}).map(([status, count]) => ({
          status: status.toUpperCase(),
          count,
        })),
      })),
      metrics:
        metrics === undefined
          ? null
          : {
              totalTime: span(metrics.totalTime),
              profileSegmentationTime: span(metrics.profileSegmentationTime),
              totalProfiles: metrics.totalProfiles ?? null,
            },
      errors: job.errors.map(jobError),
      requestId: job.requestId ?? null,
      requestedBy: null,
      createdAt: instant(job.creationTime),
      updatedAt: instant(job.updateTime),
      observedAt: this.#now.toISOString(),
      ...expectedRunFields(segmentationRun(job), this.#platform.segmentJobs.map(segmentationRun), this.#now.getTime()),
    };
  }

  #segmentDefinition(definition: WireSegmentDefinition) {
    const { id, evaluationInfo, mergePolicyId } = definition;
    const naming = this.#platform.segmentJobs.filter(({ segments }) => segments.some((each) => each.segmentId === id));
    const methods = ['batch', 'continuous', 'synchronous'] as const;
    return {
      id: `SegmentDefinition:${id}`,
      platformId: id,
      name: definition.name,
      description: definition.description ?? null,
      expression: definition.expression,
      mergePolicy: mergePolicyId === undefined ? null : this.#policyReference({ id: mergePolicyId }),
      evaluation: methods.filter((method) => evaluationInfo[method].enabled).map((method) => method.toUpperCase()),
      jobs: { nodes: naming.slice(0, 100).map((job) => ({ id: `SegmentJob:${job.id}` })) },
      createdAt: instant(definition.creationTime),
      updatedAt: instant(definition.updateTime),
    };
  }

  #mergePolicy(policy: WireMergePolicy) {
    return {
      id: `MergePolicy:${policy.id}`,
      platformId: policy.id,
      name: policy.name,
      version: policy.version,
      isDefault: policy.default,
      identityGraph: policy.identityGraph.type,
      attributeMerge: policy.attributeMerge.type,
      // A deleted dataset has no precedence.
      datasetPrecedenceIds: policy.attributeMerge.order ?? null,
      datasetPrecedence: policy.attributeMerge.order?.flatMap((id) => this.#datasetRef(id) ?? []) ?? null,
      updatedAt: epoch(policy.updateEpoch),
    };
  }

  #policyReference({ id, version }: { readonly id: string; readonly version?: number }) {
    const policy = this.#platform.mergePolicies.find((each) => each.id === id);
    return {
      platformId: id,
      version: version ?? null,
      policy: policy === undefined ? null : { id: `MergePolicy:${id}`, name: policy.name },
    };
  }

  #definitionRef(id: string, namespace: string) {
    if (namespace.toLowerCase() !== 'ups') return null;
    const definition = this.#platform.segmentDefinitions.find((each) => each.id === id);
    return definition === undefined ? null : { id: `SegmentDefinition:${id}`, name: definition.name };
  }

  #datasetRef(id: string) {
    const dataset = this.#datasets.get(id);
    return dataset === undefined ? null : { id: `Dataset:${id}`, name: dataset.name ?? null };
  }

  #batchRef(id: string | undefined) {
    const batch = this.#batches.get(id ?? '');
    return batch === undefined ? null : { id: `Batch:${id}`, status: batchStatus(batch) };
  }
}

const span = (time: WireSpan | undefined) =>
  time === undefined || Object.keys(time).length === 0
    ? null
    : {
        startedAt: instant(time.startTimeInMs),
        endedAt: instant(time.endTimeInMs),
        durationMs: time.totalTimeInMs ?? null,
      };

const counts = (counter: Readonly<Record<string, number>> | undefined) =>
  Object.entries(counter ?? {}).map(([namespace, count]) => ({ namespace, count }));

/** The first value that is known. The platform returns -1 for an unknown number. */
const firstKnown = (...values: readonly (number | undefined)[]): number | null =>
  values.find((value) => value !== undefined && value >= 0) ?? null;

const jobError = ({ code, msg, callStack }: WireJobError) => ({
  code,
  message: msg,
  callStack: callStack ?? null,
  recordCount: null,
});

const statusOf = ({ status }: { readonly status: string }) => ({
  status,
  rawStatus: status,
  isTerminal: ['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(status),
});

const datasetOf = ({ relatedObjects = [] }: WireBatch): string | undefined =>
  relatedObjects.find(({ type }) => type === 'dataSet')?.id;

const batchStatus = ({ status }: WireBatch): string => (status === 'failure' ? 'FAILED' : status.toUpperCase());

/** Next runs of an expression with one second, one minute and one hour of every day. */
function dailyRuns(expression: string, after: Date, count: number): readonly string[] {
  const [, second, minute, hour] = /^(\d+) (\d+) (\d+) \* \* \?$/.exec(expression) ?? [];
  if (hour === undefined) throw new Error(`The expression ${expression} is not supported here.`);
  const today = Math.floor(after.getTime() / dayMs) * dayMs;
  const first = today + ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1_000;
  const next = first > after.getTime() ? first : first + dayMs;
  return Array.from({ length: count }, (_, index) => new Date(next + index * dayMs).toISOString());
}
