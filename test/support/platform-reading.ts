import type { RestClient } from './rest-client.ts';

/** Objects of the platform as documented, with the members from which the gateway's responses are made. */

export interface WireSpan {
  readonly startTimeInMs?: number;
  readonly endTimeInMs?: number;
  readonly totalTimeInMs?: number;
}

export interface WireJobError {
  readonly code: string;
  readonly msg: string;
  readonly callStack?: string;
}

export interface WireSegmentSelection {
  readonly segmentId: string;
  readonly segmentNs?: string;
  readonly status?: readonly string[] | string;
}

type WireBatchEntry = WireSegmentSelection & { readonly batchId: string };

export interface WireExportJob {
  readonly id: number;
  readonly jobType: string;
  readonly status: string;
  readonly fields?: string;
  readonly schema?: { readonly name: string };
  readonly mergePolicy?: { readonly id: string; readonly version: number };
  readonly filter?: {
    readonly segments?: readonly WireSegmentSelection[];
    readonly segmentQualificationTime?: { readonly startTime?: string; readonly endTime?: string };
    readonly fromIngestTimestamp?: string;
    readonly emptyProfiles?: boolean;
  };
  readonly additionalFields?: {
    readonly eventList?: {
      readonly fields?: string;
      readonly filter?: { readonly fromIngestTimestamp?: string; readonly toIngestTimestamp?: string };
    };
  };
  readonly destination: {
    readonly datasetId?: string;
    readonly dataSetId?: string;
    readonly segmentPerBatch?: boolean;
    readonly batchId?: string;
    readonly batches?: readonly WireBatchEntry[] | WireBatchEntry;
  };
  readonly metrics: {
    readonly totalTime?: WireSpan;
    readonly profileExportTime?: WireSpan;
    readonly aCPDatasetWriteTime?: WireSpan;
    readonly totalExportedProfileCounter?: number;
    readonly exportedProfileByNamespaceCounter?: Readonly<Record<string, number>>;
  };
  readonly errors?: readonly WireJobError[];
  readonly computeGatewayJobId?: { readonly exportJob?: string; readonly pushJob?: string };
  readonly profileInstanceId?: string;
  readonly requestId?: string;
  readonly imsOrgId?: string;
  readonly creationTime: number;
  readonly updateTime: number;
}

export interface WireDataset {
  readonly name?: string;
  readonly description?: string;
  readonly schemaRef?: { readonly id: string; readonly contentType?: string };
  readonly fileDescription?: { readonly format?: string; readonly containerFormat?: string };
  readonly version?: string;
  readonly state?: string;
  readonly tags?: Readonly<Record<string, readonly string[]>>;
  readonly extensions?: {
    readonly adobe_lakeHouse?: {
      readonly metrics?: { readonly rowCount?: number; readonly storageSize?: number; readonly asOf?: number };
    };
  };
  readonly lastBatchId?: string;
  readonly lastSuccessfulBatch?: string;
  readonly createdUser?: string;
  readonly created?: number;
  readonly updated?: number;
}

export interface WireBatch {
  readonly status: string;
  readonly relatedObjects?: readonly { readonly type: string; readonly id: string }[];
  readonly recordCount?: number;
  readonly failedRecordCount?: number;
  readonly size?: number;
  readonly errors?: readonly { readonly code: string; readonly description: string; readonly recordCount?: number }[];
  readonly metrics?: {
    readonly outputRecordCount?: number;
    readonly recordsWritten?: number;
    readonly failedRecordCount?: number;
    readonly recordsFailed?: number;
    readonly inputByteSize?: number;
    readonly outputByteSize?: number;
    readonly startTime?: number;
    readonly endTime?: number;
    readonly failureReason?: string;
  };
  readonly replay?: { readonly predecessors?: readonly string[] };
  readonly tags?: { readonly acp_successor?: readonly string[] };
  readonly started?: number;
  readonly completed?: number;
  readonly created?: number;
  readonly updated?: number;
}

export interface WireSchedule {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly state: string;
  readonly schedule: string;
  readonly frequency?: string;
  readonly properties: { readonly segments?: readonly string[] };
  readonly createEpoch: number;
  readonly updateEpoch: number;
}

export interface WireSegmentJob {
  readonly id: string;
  readonly status: string;
  readonly source?: string;
  readonly properties?: { readonly scheduleId: string };
  readonly segments: readonly { readonly segmentId: string }[];
  readonly metrics?: {
    readonly totalTime?: WireSpan;
    readonly profileSegmentationTime?: WireSpan;
    readonly totalProfiles?: number;
    readonly segmentedProfileCounter?: Readonly<Record<string, number>>;
    readonly segmentedProfileByNamespaceCounter?: Readonly<Record<string, Readonly<Record<string, number>>>>;
    readonly segmentedProfileByStatusCounter?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  };
  readonly errors: readonly WireJobError[];
  readonly requestId?: string;
  readonly creationTime: number;
  readonly updateTime: number;
}

export interface WireSegmentDefinition {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  readonly expression: { readonly type: string; readonly format: string; readonly value: string };
  readonly mergePolicyId?: string;
  readonly evaluationInfo: Readonly<Record<'batch' | 'continuous' | 'synchronous', { readonly enabled: boolean }>>;
  readonly creationTime: number;
  readonly updateTime: number;
}

export interface WireMergePolicy {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly default: boolean;
  readonly identityGraph: { readonly type: string };
  readonly attributeMerge: { readonly type: string; readonly order?: readonly string[] };
  readonly updateEpoch: number;
}

export interface WireProfile {
  readonly entityId: string;
  readonly entity: Readonly<Record<string, unknown>> & {
    readonly segmentMembership?: Readonly<
      Record<string, Readonly<Record<string, { readonly status: string; readonly lastQualificationTime?: string }>>>
    >;
  };
  readonly lastModifiedAt: string;
}

/** One part of a file of a batch. */
export interface WirePart {
  readonly fileId: string;
  readonly name: string;
  /** Length in bytes, as text. */
  readonly length: string;
}

/** All data of one sandbox, each list in the order of the platform. */
export interface PlatformReading {
  readonly exportJobs: readonly WireExportJob[];
  /** Datasets with their ids, newest first. */
  readonly datasets: readonly (readonly [id: string, WireDataset])[];
  /** Batches with their ids, newest first, including those of deleted datasets. */
  readonly batches: readonly (readonly [id: string, WireBatch])[];
  readonly schedules: readonly WireSchedule[];
  readonly segmentJobs: readonly WireSegmentJob[];
  readonly segmentDefinitions: readonly WireSegmentDefinition[];
  readonly mergePolicies: readonly WireMergePolicy[];
}

const ups = '/data/core/ups';
const catalog = '/data/foundation/catalog';
const dataAccess = '/data/foundation/export';

/** Largest page size that all lists of the platform support. */
const pageSize = 100;

/** Reads all data of a sandbox, list by list, without batching or concurrency. */
export async function readPlatform(rest: RestClient): Promise<PlatformReading> {
  return {
    ...(await readJobs(rest)),
    datasets: await readCatalog<WireDataset>(rest, `${catalog}/dataSets`),
    batches: await readCatalog<WireBatch>(rest, `${catalog}/batches`),
    schedules: await readChildren<WireSchedule>(rest, `${ups}/config/schedules`),
    segmentDefinitions: await readSegmentDefinitions(rest),
    mergePolicies: await readChildren<WireMergePolicy>(rest, `${ups}/config/mergePolicies`),
  };
}

/** Reads only the data that can change by itself. */
export async function readJobs(rest: RestClient): Promise<Pick<PlatformReading, 'exportJobs' | 'segmentJobs'>> {
  return {
    exportJobs: await readExportJobs(rest),
    segmentJobs: await readChildren<WireSegmentJob>(rest, `${ups}/segment/jobs`),
  };
}

async function readExportJobs(rest: RestClient): Promise<readonly WireExportJob[]> {
  const jobs: WireExportJob[] = [];
  for (let path = `/export/jobs?limit=${pageSize}`; path !== ''; ) {
    const page = await rest.get<{ records: readonly WireExportJob[]; link: { next?: string } }>(`${ups}${path}`);
    jobs.push(...page.records);
    path = page.link.next ?? '';
  }
  return jobs;
}

/** Reads a Catalog list, which is a map from id to object, here newest first. It ends with a page that is not full. */
async function readCatalog<Wire>(rest: RestClient, path: string): Promise<readonly (readonly [string, Wire])[]> {
  const found: (readonly [string, Wire])[] = [];
  for (let start = 0; ; start += pageSize) {
    const query = new URLSearchParams({ orderBy: 'desc:created', limit: `${pageSize}`, start: `${start}` });
    const entries = Object.entries(await rest.get<Readonly<Record<string, Wire>>>(`${path}?${query}`));
    found.push(...entries);
    if (entries.length < pageSize) return found;
  }
}

/**
 * Reads a list by its next links. Depending on the platform, `start` counts pages or rows, or is opaque; it is sent
 * back unchanged.
 */
async function readChildren<Wire extends { readonly id: string }>(
  rest: RestClient,
  path: string,
): Promise<readonly Wire[]> {
  const found = new Map<string, Wire>();
  for (let start = '0'; ; ) {
    const page = await rest.get<{ children: readonly Wire[]; _links: { next?: { href?: string } } }>(
      `${path}?${new URLSearchParams({ limit: `${pageSize}`, start })}`,
    );
    for (const child of page.children) found.set(child.id, child);
    const next = new URLSearchParams(page._links.next?.href?.split('?')[1]).get('start');
    if (next === null || page.children.length === 0) return [...found.values()];
    start = next;
  }
}

/** Reads the segment definitions, which fit on one page. */
async function readSegmentDefinitions(rest: RestClient): Promise<readonly WireSegmentDefinition[]> {
  const { segments, page } = await rest.get<{
    segments: readonly WireSegmentDefinition[];
    page: { totalCount: number };
  }>(`${ups}/segment/definitions?limit=${pageSize}`);
  if (segments.length !== page.totalCount) throw new Error('The segment definitions do not fit on one page.');
  return segments;
}

/** The parts of a batch, file by file; null when Data Access does not have the batch. */
export async function readParts(rest: RestClient, batchId: string): Promise<readonly WirePart[] | null> {
  type Entries<Entry> = { readonly data: readonly Entry[] };
  const files = await rest.find<Entries<{ dataSetFileId: string }>>(`${dataAccess}/batches/${batchId}/files`);
  if (files === null) return null;
  const parts: WirePart[] = [];
  for (const { dataSetFileId: fileId } of files.data) {
    const { data } = await rest.get<Entries<{ name: string; length: string }>>(`${dataAccess}/files/${fileId}`);
    parts.push(...data.map(({ name, length }) => ({ fileId, name, length })));
  }
  return parts;
}

export const partPath = ({ fileId, name }: WirePart): string =>
  `${dataAccess}/files/${fileId}?path=${encodeURIComponent(name)}`;

/** A person by an identity; null when the identity is unknown. */
export async function readProfile(
  rest: RestClient,
  identity: { readonly namespace: string; readonly value: string },
  options: { readonly fields?: string; readonly mergePolicyId?: string } = {},
): Promise<WireProfile | null> {
  const query = new URLSearchParams({
    'schema.name': '_xdm.context.profile',
    entityId: identity.value,
    entityIdNS: identity.namespace,
    ...options,
  });
  const answer = await rest.find<Readonly<Record<string, WireProfile>>>(`${ups}/access/entities?${query}`);
  return answer === null ? null : (Object.values(answer)[0] ?? null);
}
