import { datasetIds } from './records.ts';

/** One operation with which all servers are measured. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly operationName: string;
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  /** Whether each connection has its own credential, or all share one. */
  readonly credentials: 'distinct' | 'one';
  /** Whether the server must reject the operation before it reads anything. */
  readonly rejected: boolean;
  /** Whether the scenario is also measured at a fixed request rate. */
  readonly atRate: boolean;
  /**
   * Number of requests after which V8 has optimized the code. Light requests need more, because each runs a function
   * only a few times.
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

/** Every field of an export job and of its dataset that needs no further read, except cursors, which are opaque. */
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
