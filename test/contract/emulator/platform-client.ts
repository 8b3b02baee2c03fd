import { expect } from 'vitest';
import type { FakeClock } from '../../support/fake-clock.ts';

export const organization = '0123456789ABCDEF01234567@AdobeOrg';

/** Fields of an export job that the tests read. Their values are only compared. */
export interface JobRecord {
  readonly id: number;
  readonly status: string;
  readonly destination: {
    readonly dataSetId?: string;
    readonly datasetId?: string;
    readonly batchId?: string;
    readonly batches?: readonly { readonly segmentId: string; readonly batchId: string }[];
  };
  readonly errors?: readonly { readonly code: string; readonly msg: string }[];
  readonly metrics: {
    readonly totalExportedProfileCounter?: number;
    readonly exportedProfileByNamespaceCounter?: Readonly<Record<string, number>>;
  };
  readonly creationTime: number;
}

export interface JobPage {
  readonly records: readonly JobRecord[];
  readonly page: { readonly pageOffset: string; readonly pageSize: number };
  readonly link: { readonly next: string };
}

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed body; undefined when it is empty. */
  readonly body: T;
}

/** Calls the emulator with all headers of a platform request. */
export class PlatformClient {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(url: string, headers: Readonly<Record<string, string>>) {
    this.url = url;
    this.headers = headers;
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(new URL(path, this.url), { ...init, headers: { ...this.headers, ...init.headers } });
  }

  async get<T = unknown>(path: string, headers: Record<string, string> = {}): Promise<Answer<T>> {
    return answerOf<T>(await this.fetch(path, { headers }));
  }

  async send<T = unknown>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<T>> {
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    return answerOf<T>(
      await this.fetch(path, { method, ...content, headers: { 'content-type': 'application/json', ...headers } }),
    );
  }

  /** Starts an export, by default of the dataset on the union schema in prod. */
  async export(body: Record<string, unknown> = {}): Promise<JobRecord> {
    const answer = await this.send<JobRecord>('POST', '/data/core/ups/export/jobs', exportBody(body));
    expect(answer.status).toBe(200);
    return answer.body;
  }

  async job(id: number): Promise<JobRecord> {
    return (await this.get<JobRecord>(`/data/core/ups/export/jobs/${id}`)).body;
  }
}

export const prodDataset = '5b020a27e7040801dedba61b';

export function exportBody(body: Record<string, unknown> = {}): Record<string, unknown> {
  return { destination: { datasetId: prodDataset }, schema: { name: '_xdm.context.profile' }, ...body };
}

/** Creates a client with a new token. */
export async function connect(url: string, sandbox = 'prod'): Promise<PlatformClient> {
  return new PlatformClient(url, {
    authorization: `Bearer ${await newToken(url)}`,
    'x-api-key': 'emulator',
    'x-gw-ims-org-id': organization,
    'x-sandbox-name': sandbox,
  });
}

export async function newToken(url: string): Promise<string> {
  const form = {
    grant_type: 'client_credentials',
    client_id: 'emulator',
    client_secret: 'emulator',
    scope: 'openid,AdobeID',
  };
  const response = await fetch(new URL('/ims/token/v3', url), { method: 'POST', body: new URLSearchParams(form) });
  const { body } = await answerOf<{ access_token: string }>(response);
  return body.access_token;
}

async function answerOf<T>(response: Response): Promise<Answer<T>> {
  const text = await response.text();
  // The test declares the type of the body; its assertions verify it.
  return {
    status: response.status,
    headers: response.headers,
    body: (text === '' ? undefined : JSON.parse(text)) as T,
  };
}

const ended = ['SUCCEEDED', 'FAILED', 'CANCELLED'];

/**
 * Moves the clock from stage to stage until the job has one of the statuses. By default this also waits for its
 * batches.
 */
export async function runUntil(
  client: PlatformClient,
  clock: FakeClock,
  id: number,
  statuses: readonly string[] | null = null,
): Promise<JobRecord> {
  for (;;) {
    // Checked before the job is read, because a sleeping job has stored its status and is not in its next stage yet.
    const isSleeping = clock.pending() > 0;
    const job = await client.job(id);
    if (statuses?.includes(job.status)) return job;
    if (statuses === null && ended.includes(job.status) && !(await awaitsPromotion(client, job))) return job;
    // While nothing sleeps, work runs in real time; reading the job again gives it that time.
    if (isSleeping) await clock.tick();
  }
}

async function awaitsPromotion(client: PlatformClient, { destination }: JobRecord): Promise<boolean> {
  const { batchId, batches = [] } = destination;
  const ids = [batchId ?? '', ...batches.map((batch) => batch.batchId)].filter((id) => id !== '');
  if (ids.length === 0) return false;
  const { body } = await client.get<Record<string, { status: string }>>(
    `/data/foundation/catalog/batches/${ids.join(',')}?properties=status`,
  );
  return Object.values(body).some(({ status }) => status === 'loaded' || status === 'staging');
}
