/**
 * The limit: no GraphQL. A function for each operation reads the same responses of the platform, maps them to the same
 * fields and sends them as JSON.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fieldsOf } from './fields.ts';
import { listen } from './listen.ts';
import {
  type Caller,
  type CreateInput,
  callerOf,
  createJob,
  type Dataset,
  getDatasets,
  getJob,
  type Job,
  listJobs,
  platformIdOf,
} from './platform.ts';
import type { Representation } from './sdl.ts';

const job = fieldsOf.ExportJob;
const set = fieldsOf.Dataset;
const metricsOf = fieldsOf.ExportMetrics;

const briefDataset = (dataset: Dataset | null | undefined) =>
  dataset === null || dataset === undefined ? null : { id: set.id(dataset), name: dataset.name };

function brief(each: Job, dataset: Dataset | null | undefined) {
  const span = metricsOf.totalTime(each.metrics);
  return {
    id: job.id(each),
    status: each.status,
    jobType: each.jobType,
    createdAt: job.createdAt(each),
    updatedAt: job.updatedAt(each),
    metrics: {
      totalExportedProfiles: metricsOf.totalExportedProfiles(each.metrics),
      totalTime: span === null ? null : { durationMs: fieldsOf.TimeSpan.durationMs(span) },
    },
    destination: { dataset: briefDataset(dataset) },
    errors: job.errors(each).map(({ code, msg }) => ({ code, message: msg })),
  };
}

const spanOf = (span: Job['metrics']['totalTime'] | null) =>
  span === null
    ? null
    : {
        startedAt: fieldsOf.TimeSpan.startedAt(span),
        endedAt: fieldsOf.TimeSpan.endedAt(span),
        durationMs: fieldsOf.TimeSpan.durationMs(span),
      };

const segmentOf = (segment: NonNullable<Job['filter']>['segments'][number]) => ({
  segmentId: segment.segmentId,
  segmentNs: segment.segmentNs,
  statuses: fieldsOf.SegmentSelection.statuses(segment),
});

const wholeDataset = (dataset: Dataset | null | undefined) =>
  dataset === null || dataset === undefined
    ? null
    : {
        id: set.id(dataset),
        platformId: dataset.id,
        name: dataset.name,
        description: dataset.description,
        schemaRef: { id: dataset.schemaRef.id, contentType: dataset.schemaRef.contentType },
        fileFormat: set.fileFormat(dataset),
        version: dataset.version,
        state: dataset.state,
        tags: set.tags(dataset),
        recordCount: set.recordCount(dataset),
        sizeBytes: set.sizeBytes(dataset),
        measuredAt: set.measuredAt(dataset),
        lastBatchId: dataset.lastBatchId,
        lastSuccessfulBatchId: dataset.lastSuccessfulBatch,
        createdAt: set.createdAt(dataset),
        updatedAt: set.updatedAt(dataset),
        isUnionProfileDataset: set.isUnionProfileDataset(dataset),
      };

function whole(each: Job, dataset: Dataset | null | undefined) {
  const { filter, metrics, destination, mergePolicy } = each;
  const events = job.eventList(each);
  const compute = job.computeJobs(each);
  const window = filter?.segmentQualificationTime;
  return {
    id: job.id(each),
    platformId: job.platformId(each),
    status: each.status,
    rawStatus: each.status,
    isTerminal: job.isTerminal(each),
    jobType: each.jobType,
    fields: job.fields(each),
    schema: { name: each.schema.name },
    mergePolicy: { platformId: mergePolicy.id, version: mergePolicy.version },
    filter:
      filter === undefined
        ? null
        : {
            segments: filter.segments.map(segmentOf),
            segmentQualificationTime:
              window === undefined
                ? null
                : { startTime: fieldsOf.TimeWindow.startTime(window), endTime: fieldsOf.TimeWindow.endTime(window) },
            fromIngestTimestamp: fieldsOf.ExportFilter.fromIngestTimestamp(filter),
            emptyProfiles: fieldsOf.ExportFilter.emptyProfiles(filter),
          },
    eventList:
      events === null
        ? null
        : {
            fields: fieldsOf.EventListSelection.fields(events),
            fromIngestTimestamp: fieldsOf.EventListSelection.fromIngestTimestamp(events),
            toIngestTimestamp: null,
          },
    destination: {
      datasetId: destination.datasetId,
      segmentPerBatch: destination.segmentPerBatch,
      batches: fieldsOf.ExportDestination.batches(destination).map(({ batchId, segment }) => ({
        batchId,
        segment: segment === null ? null : segmentOf(segment),
      })),
      dataset: wholeDataset(dataset),
    },
    metrics: {
      totalTime: spanOf(metricsOf.totalTime(metrics)),
      profileExportTime: spanOf(metricsOf.profileExportTime(metrics)),
      datasetWriteTime: spanOf(metricsOf.datasetWriteTime(metrics)),
      totalExportedProfiles: metricsOf.totalExportedProfiles(metrics),
      exportedProfilesByNamespace: metricsOf.exportedProfilesByNamespace(metrics),
    },
    errors: job.errors(each).map(({ code, msg, callStack }) => ({ code, message: msg, callStack, recordCount: null })),
    computeJobs: compute === null ? null : { exportJob: compute.exportJob ?? null, pushJob: compute.pushJob ?? null },
    profileInstanceId: each.profileInstanceId,
    requestId: each.requestId,
    organizationId: each.imsOrgId,
    createdAt: job.createdAt(each),
    updatedAt: job.updatedAt(each),
    observedAt: each.observedAt,
  };
}

async function jobsWithDatasets<Row>(
  caller: Caller,
  limit: number,
  map: (each: Job, dataset: Dataset | null | undefined) => Row,
) {
  const { nodes, hasNextPage } = await listJobs(caller, limit);
  const datasets = await getDatasets(
    caller,
    nodes.map(({ destination }) => destination.datasetId),
  );
  return { nodes: nodes.map((each, index) => map(each, datasets[index])), hasNextPage };
}

/** Variables have the form that the scenario gives them. */
type Operation = (caller: Caller, variables: never) => Promise<object>;

const operations: Readonly<Record<string, Operation>> = {
  Jobs50: async (caller) => {
    const { nodes, hasNextPage } = await jobsWithDatasets(caller, 50, brief);
    return { exportJobs: { nodes, pageInfo: { hasNextPage } } };
  },
  Jobs100: async (caller) => {
    const { nodes, hasNextPage } = await jobsWithDatasets(caller, 100, whole);
    return { exportJobs: { nodes, pageInfo: { hasNextPage, hasPreviousPage: false }, totalCount: null } };
  },
  Job: async (caller, { id }: { readonly id: string }) => {
    const found = await getJob(caller, platformIdOf(id));
    const [dataset] = await getDatasets(caller, [found.destination.datasetId]);
    return { exportJob: brief(found, dataset) };
  },
  Entities: async (caller, { representations }: { readonly representations: readonly Representation[] }) => {
    const datasets = await getDatasets(
      caller,
      representations.map(({ id }) => platformIdOf(id)),
    );
    return {
      _entities: datasets.map((dataset) =>
        dataset === null
          ? null
          : {
              id: set.id(dataset),
              name: dataset.name,
              description: dataset.description,
              recordCount: set.recordCount(dataset),
              sizeBytes: set.sizeBytes(dataset),
              updatedAt: set.updatedAt(dataset),
            },
      ),
    };
  },
  Create: async (caller, { input }: { readonly input: CreateInput }) => {
    const created = await createJob(caller, input);
    const { datasetId, segmentPerBatch } = created.destination;
    return {
      createExportJob: {
        __typename: 'CreateExportJobPayload',
        exportJob: {
          id: job.id(created),
          status: created.status,
          createdAt: job.createdAt(created),
          destination: { datasetId, segmentPerBatch },
        },
      },
    };
  },
};

async function bodyOf(
  request: IncomingMessage,
): Promise<{ readonly operationName: string; readonly variables: never }> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

function send(response: ServerResponse, status: number, value: object): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

listen(async (request, response) => {
  try {
    const { operationName, variables } = await bodyOf(request);
    const operation = operations[operationName];
    if (operation === undefined) send(response, 400, { errors: [{ message: 'Unknown operation.' }] });
    else send(response, 200, { data: await operation(callerOf(request.headers), variables) });
  } catch (error) {
    send(response, 500, { errors: [{ message: String(error) }] });
  }
}, '/');
