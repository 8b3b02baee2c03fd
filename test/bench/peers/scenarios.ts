import { datasetIds } from './records.ts';

/** One operation that all servers are measured with. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly operationName: string;
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  /** Each connection has a credential of its own, or all have the same. */
  readonly credentials: 'distinct' | 'one';
  /** Whether the operation is to be refused before anything is read. */
  readonly rejected: boolean;
  /** Whether it is also measured at a fixed rate of requests. */
  readonly atRate: boolean;
  /**
   * Requests after which the compiler of V8 has optimized what they run. A light one runs each function a few times, so
   * that many are needed.
   */
  readonly warmRequests: number;
}

const list = `query Jobs50 {
  exportJobs(first: 50) {
    nodes {
      id status jobType createdAt updatedAt
      metrics { totalExportedProfiles totalTime { durationMs } }
      destination { dataset { id name } }
      errors { code message }
    }
    pageInfo { hasNextPage }
  }
}`;

/** Every field of an export job and of its dataset that needs no further read, apart from cursors, which are opaque. */
const everyField = `query Jobs100 {
  exportJobs(first: 100) {
    nodes {
      id platformId status rawStatus isTerminal jobType fields schema { name }
      mergePolicy { platformId version }
      filter {
        segments { ...Segment }
        segmentQualificationTime { startTime endTime }
        fromIngestTimestamp emptyProfiles
      }
      eventList { fields fromIngestTimestamp toIngestTimestamp }
      destination {
        datasetId segmentPerBatch
        batches { batchId segment { ...Segment } }
        dataset {
          id platformId name description schemaRef { id contentType } fileFormat version state tags { name values }
          recordCount sizeBytes measuredAt lastBatchId lastSuccessfulBatchId createdAt updatedAt isUnionProfileDataset
        }
      }
      metrics {
        totalTime { ...Span } profileExportTime { ...Span } datasetWriteTime { ...Span }
        totalExportedProfiles exportedProfilesByNamespace { namespace count }
      }
      errors { code message callStack recordCount }
      computeJobs { exportJob pushJob }
      profileInstanceId requestId organizationId createdAt updatedAt observedAt
    }
    pageInfo { hasNextPage hasPreviousPage }
    totalCount
  }
}
fragment Segment on SegmentSelection { segmentId segmentNs statuses }
fragment Span on TimeSpan { startedAt endedAt durationMs }`;

const one = `query Job($id: ID!) {
  exportJob(id: $id) {
    id status jobType createdAt updatedAt
    metrics { totalExportedProfiles totalTime { durationMs } }
    destination { dataset { id name } }
    errors { code message }
  }
}`;

const entities = `query Entities($representations: [_Any!]!) {
  _entities(representations: $representations) {
    ... on Dataset { id name description recordCount sizeBytes updatedAt }
  }
}`;

const create = `mutation Create($input: CreateExportJobInput!) {
  createExportJob(input: $input) {
    __typename
    ... on CreateExportJobPayload { exportJob { id status createdAt destination { datasetId segmentPerBatch } } }
    ... on Error { code message }
  }
}`;

const common = {
  variables: {},
  credentials: 'distinct',
  rejected: false,
  atRate: false,
  warmRequests: 1_000,
} as const;

export const scenarios: readonly Scenario[] = [
  { ...common, name: 'list', title: 'List of 50 with datasets', operationName: 'Jobs50', query: list, atRate: true },
  {
    ...common,
    name: 'list-one-credential',
    title: 'List of 50 with datasets, one credential',
    operationName: 'Jobs50',
    query: list,
    credentials: 'one',
  },
  {
    ...common,
    name: 'list-all-fields',
    title: 'List of 100, all fields',
    operationName: 'Jobs100',
    query: everyField,
    warmRequests: 300,
  },
  {
    ...common,
    name: 'job',
    title: 'One job with its dataset',
    operationName: 'Job',
    query: one,
    variables: { id: 'ExportJob:24100' },
    warmRequests: 6_000,
    atRate: true,
  },
  {
    ...common,
    name: 'entities',
    title: '50 `_entities`',
    operationName: 'Entities',
    query: entities,
    variables: { representations: datasetIds.map((id) => ({ __typename: 'Dataset', id: `Dataset:${id}` })) },
  },
  {
    ...common,
    name: 'create',
    title: '`createExportJob`',
    operationName: 'Create',
    query: create,
    warmRequests: 3_000,
    variables: {
      input: { fields: ['person.name'], destination: { target: { datasetId: `Dataset:${datasetIds[0]}` } } },
    },
  },
  {
    ...common,
    name: 'rejected',
    title: 'A rejected request (unknown field)',
    operationName: 'Rejected',
    query: 'query Rejected { exportJobs(first: 50) { nodes { id nmae } } }',
    rejected: true,
    warmRequests: 3_000,
  },
];

export const bodyOf = ({ operationName, query, variables }: Scenario): string =>
  JSON.stringify({ operationName, query, variables });
