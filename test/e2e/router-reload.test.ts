import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventStream } from '../support/event-stream.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, type Headers, startGateway } from '../support/gateway.ts';
import { accessToken, platformHeaders, profileDataset, startSteppedPlatform } from '../support/platform.ts';
import {
  CreateExportJobDocument,
  WatchExportJobsDocument,
  type WatchExportJobsSubscription,
} from './operations.generated.ts';

/** Clients whose subscriptions a router holds on one socket each, like real routers. */
const clients = 40;

/** No round of a feed is due while the clients are disconnected. */
const slowRounds = { POLL_MIN_MS: '30000', POLL_MAX_MS: '30000' };

let platform: Awaited<ReturnType<typeof startSteppedPlatform>>;
beforeAll(async () => {
  platform = await startSteppedPlatform({ clock: new FakeClock() });
});
afterAll(() => platform.close());

describe('when a router reloads its schema', () => {
  it('all its subscriptions are restored without a call to the platform', async () => {
    const clock = new FakeClock();
    await using gateway = await startGateway({ platform, clock, env: slowRounds });
    expect(await callsOfReload(gateway, clock, {})).toEqual([]);
  });

  it('one call proves the right of all subscribers with the same credential, and there are no others', async () => {
    const env = { ...slowRounds, AUTH_MODE: 'passthrough', AEP_BASE_URL: platform.url, AEP_IMS_URL: platform.url };
    const clock = new FakeClock();
    await using gateway = await startGateway({ platform, clock, env });
    const calls = await callsOfReload(gateway, clock, platformHeaders(await accessToken(platform)));
    expect(calls).toEqual(['/data/core/ups/export/jobs?limit=1']);
  });
});

/** Time for which the clients are connected before, in milliseconds. Their proofs are no longer shared after it. */
const stayMs = 5_000;
/** Time that clients need to reconnect, in milliseconds. It is less than the linger time of a feed. */
const absenceMs = 2_500;

/** The platform calls while all subscriptions end and begin again. */
async function callsOfReload(gateway: Gateway, clock: FakeClock, headers: Headers): Promise<readonly string[]> {
  const input = { destination: { target: { datasetId: profileDataset } } };
  await gateway.query(CreateExportJobDocument, { input }, headers);
  const before = await subscribeAll(gateway, headers);
  await clock.advanceBy(stayMs);
  await Promise.all(before.map((events) => events[Symbol.asyncDispose]()));
  await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(0));
  platform.clearRequests();
  await clock.advanceBy(absenceMs);

  const after = await subscribeAll(gateway, headers);
  const calls = platform.requests.map(({ path }) => path);
  await Promise.all(after.map((events) => events[Symbol.asyncDispose]()));
  return calls;
}

/** Subscribes for each client, and waits until each has received the running job. */
async function subscribeAll(
  gateway: Gateway,
  headers: Headers,
): Promise<readonly EventStream<WatchExportJobsSubscription>[]> {
  // Nested like the parameters of Apollo Router.
  const connectionParams = { connectionParams: headers };
  const streams = Array.from({ length: clients }, () =>
    gateway.subscribe(WatchExportJobsDocument, {}, { connectionParams }),
  );
  const first = await Promise.all(streams.map((events) => events.take()));
  for (const event of first) expect(event?.exportJobChanged.kind).toBe('SNAPSHOT');
  return streams;
}
