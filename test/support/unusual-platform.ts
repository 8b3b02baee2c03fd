import { type Stub, startStub } from './platform.ts';

type Wire = Readonly<Record<string, unknown>>;

/**
 * A platform with rare or undocumented record forms: times in every unit, numbers in strings, figures in other members,
 * single values instead of lists, other status names, and ids of objects that no longer exist.
 */
export interface UnusualPlatform extends Stub {
  /** Replaces a part of an export job. */
  changeExportJob(id: string, change: Wire): void;
}

/** Datasets by id, as Catalog returns them. */
const datasets: Readonly<Record<string, Wire>> = {
  'ds-live': {
    name: 'Live',
    description: {},
    schemaRef: {},
    tags: { unifiedProfile: 'enabled:true' },
    version: 3,
    state: 'ACTIVE',
    extensions: {
      adobe_lakeHouse: { metrics: { rowCount: '1208', storageSize: 734_003, asOf: 1_793_527_200 } },
    },
    lastBatchId: 'b-gone',
    lastSuccessfulBatch: 'b-new',
    created: '1793527200',
    updated: '2026-11-01 10:00:00',
  },
  'ds-far': {
    name: 'Far',
    extensions: { adobe_lakeHouse: {} },
    lastBatchId: '',
    // Microseconds. Read as milliseconds, this is the year 58804.
    created: 1_793_527_200_000_000,
    updated: 0,
  },
};

const batches: Readonly<Record<string, Wire>> = {
  'b-new': {
    status: 'success',
    relatedObjects: [
      { type: 'batch', id: 'b-gone' },
      { type: 'DataSet', id: 'ds-live' },
    ],
    metrics: {
      outputRecordCount: '631',
      failedRecordCount: -1,
      recordsFailed: 9,
      inputByteSize: '8192',
      outputByteSize: -1,
      startTime: '1793527200',
      endTime: 1_793_527_500_000,
    },
    errors: {},
    replay: { predecessors: 'b-gone', reason: 'consolidation' },
    created: '1793527200000',
    updated: '2026-11-01T12:00:00+02:00',
  },
  'b-odd': { status: 'replay', completed: 1_793_527_500, created: 1_793_527_190 },
  'b-broken': {
    status: 'CANCELED',
    relatedObjects: { type: 'dataSet', id: 'ds-gone' },
    metrics: { recordsWritten: 0, failureReason: 'A stage failed.' },
    errors: ['No space left.', { code: 7, description: 'Late.', recordCount: '12' }],
    tags: { acp_successor: 'b-new' },
    created: 1_793_527_180_000,
  },
};

const exportJobs: readonly Wire[] = [
  {
    id: 9003,
    status: 'EVAPORATED',
    jobType: 'batch',
    destination: { dataSetId: 'ds-gone', batchId: 'b-gone' },
    metrics: {
      totalTime: { startTimeInMs: '1793527230', endTimeInMs: '1793527500000', totalTimeInMs: '270000' },
      profileExportTime: {},
    },
    errors: 'It vanished.',
    creationTime: 1_793_527_200,
    updateTime: '2026-11-01T10:05:00Z',
  },
  {
    id: '9002.0',
    status: 'in-progress',
    jobType: 'BATCH',
    destination: { datasetId: 'ds-live', batches: { segmentId: 'seg-1', status: 'exiting', batchId: 'b-new' } },
    totalTime: { startTimeInMs: 1_793_527_230_000, endTimeInMs: -1 },
    totalExportedProfileCounter: '15',
    exportedProfileByNamespaceCounter: { Email: '15', Phone: -1 },
    creationTime: '1793527190000',
    updateTime: 0,
  },
  {
    id: 9001,
    status: 'COMPLETED',
    jobType: 'BATCH',
    destination: { datasetId: 'ds-live', batchId: '' },
    metrics: { startTime: 1_793_527_190, endTime: '1793527195', failureReason: 'One attempt was repeated.' },
    errors: [{}],
    creationTime: 1_793_527_180_000,
    updateTime: 1_793_527_195_000,
  },
];

const segmentJobs: readonly Wire[] = [
  {
    id: 'sj-3',
    status: 'KILLED',
    source: 'scheduler',
    properties: { scheduleId: 'sch-gone' },
    segments: { segmentId: 'seg-1' },
    metrics: {
      totalTime: { startTimeInMs: 1_793_527_230, endTimeInMs: 1_793_527_500 },
      totalProfiles: '2000',
      segmentedProfileCounter: { 'seg-1': '12', 'seg-gone': -1 },
    },
    creationTime: '1793527200000',
    updateEpoch: 1_793_527_500_000,
  },
  {
    id: 'sj-2',
    status: 'Evaporated',
    segments: [{ segmentId: '*' }],
    metrics: { totalTime: { endTimeInMs: 1_793_527_490_000 }, totalProfiles: -1 },
    errors: ['It vanished.'],
    creationTime: 1_793_527_190,
    updateTime: 1_793_527_490,
  },
  {
    id: 'sj-1',
    status: 'CANCELED',
    segments: [],
    createEpoch: '1793527180000',
    updateEpoch: 1_793_527_185,
  },
];

const segmentDefinitions: readonly Wire[] = [
  {
    id: 'seg-1',
    name: 'Readers',
    expression: { value: 'true' },
    evaluationInfo: { batch: { enabled: 'true' } },
    mergePolicy: { id: 'mp-gone', version: '3' },
    creationTime: 0,
    createEpoch: 1_793_527_200_000,
    updateTime: '1793527200',
  },
];

const schedules: readonly Wire[] = [
  {
    id: 'sch-1',
    name: 'Changes',
    type: 'delta',
    state: 'ENABLED',
    schedule: '0 45 4 * * ?',
    frequency: 'daily',
    properties: { segments: 'seg-1' },
    createEpoch: 1_793_527_200_000,
    updateEpoch: '2026-11-01T10:00:00Z',
  },
];

const mergePolicies: readonly Wire[] = [
  {
    id: 'mp-1',
    name: 'Shop first',
    version: '2',
    default: 'true',
    identityGraph: {},
    attributeMerge: { type: 'dataSetPrecedence', order: ['ds-gone', 'ds-live'] },
    updateEpoch: 1_793_527_200_000,
  },
  // The time of the change as the version. No Int can represent it.
  { id: 'mp-2', version: 1_793_527_200_000, updateEpoch: 1_793_527_200 },
];

const profile: Wire = {
  XID1: {
    requestedIdentity: { entityId: 80_001, entityIdNS: { code: 'crmId' } },
    sources: ['ds-live'],
    entity: {
      segmentMembership: { ups: { 'seg-gone': { 'xdm:status': 'exiting', timestamp: '1793527200000' } } },
    },
    lastModifiedAt: 1_793_527_200,
  },
};

const files: Readonly<Record<string, Wire>> = {
  '/batches/b-new/files': { data: [{ dataSetFileId: 'b-new-DE1', isValid: false }] },
  '/files/b-new-DE1': { data: [{ name: 'part-0.parquet', length: '8192' }] },
};

const sandboxes: Wire = {
  sandboxes: [{ name: 'prod', title: {}, state: 'active', isDefault: 'true', createdDate: '2026-06-01 00:00:00' }],
  _links: { next: { href: 'https://platform.adobe.io:443/?limit={limit}&offset={offset}', templated: true } },
};

/** Starts a platform with only these records. */
export async function startUnusualPlatform(): Promise<UnusualPlatform> {
  const jobs = new Map(exportJobs.map((job) => [String(Number(job['id'])), job]));
  const stub = await startStub((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const value = answerTo(new URL(request.url ?? '', 'http://platform'), body, [...jobs.values()]);
      response.writeHead(value === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(value));
    });
  });
  return {
    ...stub,
    changeExportJob: (id, change) => void jobs.set(id, { ...jobs.get(id), ...change }),
  };
}

function answerTo({ pathname, searchParams }: URL, body: string, jobs: readonly Wire[]): unknown {
  if (pathname === '/ims/token/v3') {
    return { access_token: 'unusual-access-token', token_type: 'bearer', expires_in: '86399992' };
  }
  const [, service, path = ''] = /^\/data\/(core\/ups|foundation\/[\w-]+)(\/.*)$/.exec(pathname) ?? [];
  switch (service) {
    case 'foundation/catalog':
      return catalogAnswer(path, searchParams);
    case 'foundation/export':
      return files[path];
    case 'foundation/sandbox-management':
      return sandboxes;
    case 'core/ups':
      return profileServiceAnswer(path, body, jobs);
    default:
      return undefined;
  }
}

/** Objects with only the requested properties. Missing ids are omitted. */
function catalogAnswer(path: string, query: URLSearchParams): unknown {
  const [, type, ids] = /^\/(dataSets|batches)(?:\/(.+))?$/.exec(path) ?? [];
  const objects = type === 'dataSets' ? datasets : batches;
  const wanted = ids === undefined ? Object.keys(objects) : decodeURIComponent(ids).split(',');
  const properties = query.get('properties')?.split(',') ?? [];
  const found = wanted.filter((id) => Object.hasOwn(objects, id));
  if (found.length === 0) return undefined;
  return Object.fromEntries(
    found.map((id) => [
      id,
      Object.fromEntries(Object.entries(objects[id] ?? {}).filter(([name]) => properties.includes(name))),
    ]),
  );
}

function profileServiceAnswer(path: string, body: string, jobs: readonly Wire[]): unknown {
  switch (path) {
    case '/access/entities':
      return profile;
    case '/export/jobs':
      return { records: jobs, page: { pageOffset: 'odd' }, link: { next: null } };
    case '/segment/jobs':
      return { children: segmentJobs, _page: { next: '' }, _links: {} };
    case '/segment/definitions':
      return { segments: segmentDefinitions, page: {}, link: {} };
    case '/config/schedules':
      return { children: schedules, _links: { next: { href: '' } } };
    case '/config/mergePolicies':
      return { children: mergePolicies, _page: { count: 1 }, _links: { next: '' } };
    case '/segment/jobs/bulk-get':
      return bulkAnswer(segmentJobs, body);
    case '/segment/definitions/bulk-get':
      return bulkAnswer(segmentDefinitions, body);
    case '/config/mergePolicies/bulk-get':
      return bulkAnswer(mergePolicies, body);
    default: {
      const [, id] = /\/([^/]+)$/.exec(path) ?? [];
      const rows = path.startsWith('/export/jobs/') ? jobs : path.startsWith('/config/schedules/') ? schedules : [];
      return rows.find((row) => String(row['id']).split('.')[0] === id);
    }
  }
}

function bulkAnswer(rows: readonly Wire[], body: string): unknown {
  const known = rows.filter((row) => body.includes(JSON.stringify(row['id'])));
  return { results: Object.fromEntries(known.map((row) => [row['id'], row])) };
}
