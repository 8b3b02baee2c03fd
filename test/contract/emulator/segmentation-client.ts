import { parquetReadObjects } from 'hyparquet';
import { expect } from 'vitest';
import type { FakeClock } from '../../support/fake-clock.ts';
import type { Answer, PlatformClient } from './platform-client.ts';

const ups = '/data/core/ups';
export const segmentJobs = `${ups}/segment/jobs`;
export const segmentDefinitions = `${ups}/segment/definitions`;
export const schedules = `${ups}/config/schedules`;
export const mergePolicies = `${ups}/config/mergePolicies`;
export const entities = `${ups}/access/entities`;

/** Fields of a segment job that the tests read. Their values are only compared. */
export interface SegmentJobRecord {
  readonly id: string;
  readonly status: string;
  readonly source: string;
  readonly requestId: string;
  readonly creationTime: number;
  readonly updateTime: number;
  readonly segments: readonly { readonly segmentId: string; readonly segment?: object }[];
  readonly errors: readonly { readonly code: string; readonly msg: string }[];
  readonly properties?: { readonly scheduleId: string; readonly runId: string };
  readonly metrics?: {
    readonly totalProfiles?: number;
    readonly segmentedProfileCounter?: Readonly<Record<string, number>>;
    readonly segmentedProfileByStatusCounter?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  };
}

/** A list of schedules, segment jobs or merge policies. */
export interface Children<T> {
  readonly _page: { readonly totalCount: number; readonly pageSize: number; readonly next?: string };
  readonly children: readonly T[];
  readonly _links: { readonly next: { readonly href?: string } };
}

/** An error of the profile service. */
export const upsError = (status: number, message: string | RegExp = /./) => ({
  status,
  body: { status, title: expect.stringMatching(message), errors: { [status]: [{ code: expect.any(String) }] } },
});

export async function evaluate(client: PlatformClient, ...segmentIds: readonly string[]): Promise<SegmentJobRecord> {
  const body = segmentIds.map((segmentId) => ({ segmentId }));
  const answer = await client.send<SegmentJobRecord>('POST', segmentJobs, body);
  expect(answer).toMatchObject({ status: 200, body: { status: 'NEW' } });
  return answer.body;
}

/** Moves the clock from stage to stage until the job has one of the statuses. */
export async function segmentJobUntil(
  client: PlatformClient,
  clock: FakeClock,
  id: string,
  statuses: readonly string[] = ['SUCCEEDED', 'FAILED', 'CANCELLED'],
): Promise<SegmentJobRecord> {
  for (;;) {
    // Checked before the job is read, because a sleeping job has stored its status and is not in its next stage yet.
    const isSleeping = clock.pending() > 0;
    const { body: job } = await client.get<SegmentJobRecord>(`${segmentJobs}/${id}`);
    if (statuses.includes(job.status)) return job;
    // While nothing sleeps, work runs in real time; reading the job again gives it that time.
    if (isSleeping) await clock.tick();
  }
}

/** Creates a segment with a PQL expression and returns its id. */
export async function define(client: PlatformClient, name: string, value: string): Promise<string> {
  const answer: Answer<{ readonly id: string }> = await client.send('POST', segmentDefinitions, {
    name,
    schema: { name: '_xdm.context.profile' },
    expression: { type: 'PQL', format: 'pql/text', value },
  });
  expect(answer.status).toBe(200);
  return answer.body.id;
}

export const redefine = (client: PlatformClient, id: string, value: string) =>
  client.send('PATCH', `${segmentDefinitions}/${id}`, { expression: { type: 'PQL', format: 'pql/text', value } });

/** Rows of a batch that an export has written. */
export async function exportedRows(
  client: PlatformClient,
  batchId: string | undefined,
): Promise<Record<string, unknown>[]> {
  const path = `/data/foundation/export/files/${batchId}-1?path=part-00000.parquet`;
  const response = await client.fetch(path);
  expect(response.status).toBe(200);
  return parquetReadObjects({ file: await response.arrayBuffer() });
}
