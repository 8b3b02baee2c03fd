/** Records of the platform, in the form in which it returns export jobs and datasets. */

interface Span {
  readonly startTimeInMs?: number;
  readonly endTimeInMs?: number;
  readonly totalTimeInMs?: number;
}

interface SegmentRecord {
  readonly segmentId: string;
  readonly segmentNs: string;
  readonly status: readonly string[];
}

export interface JobRecord {
  readonly id: number;
  readonly jobType: string;
  readonly status: string;
  readonly profileInstanceId: string;
  readonly fields?: string;
  readonly schema: { readonly name: string };
  readonly mergePolicy: { readonly id: string; readonly version: number };
  readonly filter?: {
    readonly segments: readonly SegmentRecord[];
    readonly segmentQualificationTime?: { readonly startTime: string; readonly endTime: string };
    readonly fromIngestTimestamp?: string;
    readonly emptyProfiles?: boolean;
  };
  readonly additionalFields?: {
    readonly eventList: { readonly fields: string; readonly filter: { readonly fromIngestTimestamp: string } };
  };
  readonly errors?: readonly { readonly code: string; readonly msg: string; readonly callStack: string }[];
  readonly computeGatewayJobId: { readonly exportJob?: string; readonly pushJob?: string };
  readonly metrics: {
    readonly totalTime: Span;
    readonly profileExportTime?: Span;
    readonly aCPDatasetWriteTime?: Span;
    readonly totalExportedProfileCounter?: number;
    readonly exportedProfileByNamespaceCounter?: Readonly<Record<string, number>>;
  };
  readonly destination: {
    readonly datasetId: string;
    readonly segmentPerBatch: boolean;
    readonly batchId?: string;
    readonly batches?: readonly (SegmentRecord & { readonly batchId: string })[];
  };
  readonly creationTime: number;
  readonly updateTime: number;
  readonly requestId: string;
  readonly imsOrgId: string;
}

export interface DatasetRecord {
  readonly name: string;
  readonly description: string;
  readonly tags: Readonly<Record<string, readonly string[]>>;
  readonly state: string;
  readonly extensions: {
    readonly adobe_lakeHouse: {
      readonly metrics: { readonly storageSize: number; readonly rowCount: number; readonly asOf: number };
    };
    readonly adobe_unifiedProfile: object;
  };
  readonly version: string;
  readonly created: number;
  readonly updated: number;
  readonly fileDescription: { readonly format: string };
  readonly schemaRef: { readonly id: string; readonly contentType: string };
  readonly lastBatchId: string;
  readonly lastSuccessfulBatch: string;
}

const organization = 'ABCDEF0123456789ABCDEF01@AdobeOrg';
const newestMs = 1_793_527_200_000;
const newestId = 24_115;
const hour = 3_600_000;

/** Number of datasets that exports write into: a page of 50 jobs has ten of them, a page of 100 has twenty. */
const datasetsOfJobs = 20;
/** Ids of the datasets that one operation requests by key. */
export const datasetIds = Array.from(
  { length: 50 },
  (_, index) => `6a45e2c11f0b7d3c9e8a${(4_096 + index).toString(16)}`,
);
const datasetOfJob = (index: number): string => datasetIds[Math.floor(index / 5) % datasetsOfJobs] ?? '';

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
const uuid = (group: number, value: number): string => `8e2d7c40-1a3b-4c5d-${hex(group, 4)}-${hex(value, 12)}`;
const crockford = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * Creates a ULID. Its letters matter, because a digit sequence as long as a large number makes the gateway parse a
 * response more slowly.
 */
function batch(index: number): string {
  let state = index;
  const letters = Array.from({ length: 16 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return crockford[state >>> 27];
  });
  return `01K9VALUES${letters.join('')}`;
}

const span = (startMs: number, ms: number): Span => ({
  startTimeInMs: startMs,
  endTimeInMs: startMs + ms,
  totalTimeInMs: ms,
});

const segment = (index: number): SegmentRecord => ({
  segmentId: uuid(1, index % 7),
  segmentNs: 'ups',
  status: ['realized', 'existing'],
});

function outcomeOf(index: number, startMs: number): Pick<JobRecord, 'status' | 'metrics' | 'errors'> {
  if (index < 2)
    return { status: 'PROCESSING', metrics: { totalTime: { startTimeInMs: startMs }, profileExportTime: {} } };
  if (index % 10 === 7) {
    return {
      status: 'FAILED',
      errors: [
        { code: '1100000003', msg: 'The export did not finish.', callStack: 'at harbour.Export.run(Export.java:112)' },
      ],
      metrics: { totalTime: span(startMs, 60_000), profileExportTime: {}, aCPDatasetWriteTime: {} },
    };
  }
  const profiles = 1_500 + index * 37;
  return {
    status: 'SUCCEEDED',
    metrics: {
      totalTime: span(startMs, 270_000),
      profileExportTime: span(startMs + 30_000, 180_000),
      aCPDatasetWriteTime: span(startMs + 210_000, 60_000),
      totalExportedProfileCounter: profiles,
      exportedProfileByNamespaceCounter: { Email: profiles - 300, Phone: 300, ECID: 1_100 },
    },
  };
}

function recordAt(index: number): JobRecord {
  const createdMs = newestMs - index * hour;
  const perSegment = index % 5 === 3;
  const segments = [segment(index), ...(perSegment ? [segment(index + 1)] : [])];
  return {
    id: newestId - index,
    jobType: 'BATCH',
    profileInstanceId: 'ups',
    schema: { name: '_xdm.context.profile' },
    mergePolicy: { id: uuid(2, 1), version: 2 },
    filter: {
      segments,
      segmentQualificationTime: { startTime: '2026-06-01T00:00:00Z', endTime: '2026-11-01T00:00:00Z' },
      fromIngestTimestamp: '2026-06-01T00:00:00Z',
      emptyProfiles: true,
    },
    ...(index % 4 === 0
      ? {
          fields: 'identityMap,person.name.firstName,person.name.lastName,personalEmail.address',
          additionalFields: {
            eventList: {
              fields: 'timestamp,web.webPageDetails.name',
              filter: { fromIngestTimestamp: '2026-06-01T00:00:00Z' },
            },
          },
        }
      : {}),
    computeGatewayJobId: { exportJob: uuid(3, index) },
    ...outcomeOf(index, createdMs + 30_000),
    destination: {
      datasetId: datasetOfJob(index),
      segmentPerBatch: perSegment,
      ...(perSegment
        ? { batches: segments.map((each, place) => ({ ...each, batchId: batch(index * 2 + place) })) }
        : { batchId: batch(index * 2) }),
    },
    creationTime: createdMs,
    updateTime: createdMs + 300_000,
    requestId: `Vq3kReCoRdEdReQuEsTiD${String(index).padStart(11, '0')}`,
    imsOrgId: organization,
  };
}

/** Records of export jobs, newest first. */
export const jobRecords: readonly JobRecord[] = Array.from({ length: 100 }, (_, index) => recordAt(index));

export const jobRecord = (id: number): JobRecord | undefined => jobRecords[newestId - id];

/** Response of a create. */
export const createdJob: JobRecord = {
  ...recordAt(0),
  id: newestId + 1,
  status: 'NEW',
  computeGatewayJobId: {},
  metrics: { totalTime: { startTimeInMs: newestMs } },
};

export function datasetRecord(id: string): DatasetRecord & Readonly<Record<string, unknown>> {
  const index = Number.parseInt(id.slice(-4), 16) - 4_096;
  const createdMs = newestMs - 2_000 * hour - index * hour;
  return {
    name: `Loyalty export ${index}`,
    description: 'Profiles of the loyalty programme, for the data warehouse',
    tags: {
      'adobe/pqs/table': [`loyalty_export_${index}`],
      'adobe/siphon/table/format': ['delta'],
      unifiedProfile: ['enabled:true', 'enabledAt:2026-06-01 08:30:00'],
    },
    state: 'ACTIVE',
    imsOrg: organization,
    sandboxId: '3f1c2a70-5b7e-4c11-8d20-9a4be1c7d001',
    extensions: {
      adobe_lakeHouse: { metrics: { storageSize: 734_003 + index, rowCount: 1_208 + index, asOf: newestMs } },
      adobe_unifiedProfile: {},
    },
    version: `1.0.${index}`,
    created: createdMs,
    updated: createdMs + hour,
    createdClient: '1c9b7e5a3d2f4860b1c9b7e5a3d2f486',
    createdUser: '0A1B2C3D4E5F60718293A4B5@techacct.example.com',
    updatedUser: 'acp_foundation_dataTracker@AdobeID',
    classification: { dataBehavior: 'record', managedBy: 'CUSTOMER' },
    viewId: `6a45e2c11f0b7d3c9e8b${hex(4_096 + index, 4)}`,
    fileDescription: { format: 'parquet' },
    files: `@/dataSetFiles?dataSetId=${id}`,
    schemaRef: {
      id: 'https://ns.adobe.com/xdm/context/profile__union',
      contentType: 'application/vnd.adobe.xed+json;version=1',
    },
    schemaMetadata: { primaryKey: [], delta: [], dule: [], gdpr: [] },
    enableErrorDiagnostics: false,
    lastBatchId: batch(9_000 + index),
    lastBatchStatus: 'success',
    lastSuccessfulBatch: batch(9_000 + index),
  };
}
