import type { IncomingHttpHeaders } from 'node:http';
import { Pool } from 'undici';
import type { DatasetRecord, JobRecord } from '../records.ts';

/** The credential and the tenant of a request, as headers that go to the platform unchanged. */
export type Caller = Readonly<Record<string, string>>;

const propagated = ['authorization', 'x-api-key', 'x-gw-ims-org-id', 'x-sandbox-name'] as const;

/** @throws Error without a credential */
export function callerOf(headers: IncomingHttpHeaders): Caller {
  const caller: Record<string, string> = { accept: 'application/json' };
  for (const name of propagated) {
    const value = headers[name];
    if (typeof value !== 'string') throw new Error(`The header ${name} is missing.`);
    caller[name] = value;
  }
  return caller;
}

export interface Job extends JobRecord {
  /** When the response was read. */
  readonly observedAt: string;
}

export interface Dataset extends DatasetRecord {
  readonly id: string;
}

export interface JobPage {
  readonly nodes: readonly Job[];
  readonly hasNextPage: boolean;
}

const pool = new Pool(process.env['PLATFORM_URL'] ?? '');

async function call(
  caller: Caller,
  method: 'GET' | 'POST',
  path: string,
  sent: object | null = null,
): Promise<unknown> {
  const { statusCode, body } = await pool.request({
    method,
    path,
    headers: sent === null ? caller : { ...caller, 'content-type': 'application/json' },
    body: sent === null ? null : JSON.stringify(sent),
  });
  if (statusCode === 200) return await body.json();
  await body.dump();
  throw new Error(`The platform responded with ${statusCode}.`);
}

const jobs = '/data/core/ups/export/jobs';
const now = (): string => new Date().toISOString();

export async function listJobs(caller: Caller, limit: number): Promise<JobPage> {
  // The form of this response is known: the static upstream sends no other.
  const page = (await call(caller, 'GET', `${jobs}?limit=${limit}`)) as {
    readonly records: Record<keyof Job, unknown>[];
    readonly link: { readonly next?: string };
  };
  const observedAt = now();
  for (const record of page.records) record.observedAt = observedAt;
  return { nodes: page.records as unknown as readonly Job[], hasNextPage: (page.link.next ?? '') !== '' };
}

export async function getJob(caller: Caller, id: string): Promise<Job> {
  const record = (await call(caller, 'GET', `${jobs}/${id}`)) as JobRecord;
  return { ...record, observedAt: now() };
}

/** One call for all of them, in their order; null for those that Catalog does not have. */
export async function getDatasets(caller: Caller, ids: readonly string[]): Promise<readonly (Dataset | null)[]> {
  const distinct = [...new Set(ids)];
  const path = `/data/foundation/catalog/dataSets/${distinct.join(',')}?limit=${distinct.length}`;
  const map = (await call(caller, 'GET', path)) as Readonly<Record<string, DatasetRecord & { id?: string }>>;
  for (const id of distinct) {
    const record = map[id];
    if (record !== undefined) record.id = id;
  }
  // Every record that was asked for has its id by now.
  return ids.map((id) => (map[id] as Dataset | undefined) ?? null);
}

export interface CreateInput {
  readonly fields?: readonly string[];
  readonly destination: { readonly target: { readonly datasetId: string } };
}

export const unionProfileSchema = 'https://ns.adobe.com/xdm/context/profile__union';
/** The platform's id in a global one, such as `Dataset:6a45`. */
export const platformIdOf = (globalId: string): string => globalId.slice(globalId.indexOf(':') + 1);

/** Creates an export job, after the check that the gateway makes too: profiles can be exported into the dataset. */
export async function createJob(caller: Caller, { fields, destination }: CreateInput): Promise<Job> {
  const datasetId = platformIdOf(destination.target.datasetId);
  const [dataset] = await getDatasets(caller, [datasetId]);
  if (dataset?.schemaRef.id !== unionProfileSchema) throw new Error('The dataset is not on the union profile schema.');
  const record = await call(caller, 'POST', jobs, {
    fields: fields?.join(','),
    destination: { datasetId, segmentPerBatch: false },
    schema: { name: '_xdm.context.profile' },
  });
  return { ...(record as JobRecord), observedAt: now() };
}
