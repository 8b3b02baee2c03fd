import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startGateway } from '../support/gateway.ts';
import { startJobBoard } from '../support/job-board.ts';
import { openRaw } from '../support/raw-stream.ts';
import { transports } from '../support/transports.ts';

const document = 'subscription { exportJobChanged { job { metrics { totalExportedProfiles } errors { message } } } }';
/** The progress of the job in each received event. */
const progressIn = (text: string): readonly number[] =>
  [...text.matchAll(/"totalExportedProfiles":(\d+)/g)].map(([, progress]) => Number(progress));

describe.each(transports)('over %s', (transport) => {
  it('a slow client receives the latest state, and states in between are not stored', async () => {
    const clock = new FakeClock();
    const message = 'x'.repeat(256 * 1024);
    await using board = await startJobBoard({ id: '1', progress: 0, message });
    await using gateway = await startGateway({ platform: board, clock });
    await using raw = await openRaw(transport, gateway, document);
    raw.pause();
    // More than the network buffers.
    const changes = 80;
    for (let progress = 1; progress <= changes; progress += 1) {
      board.set({ id: '1', progress, message });
      await clock.tick();
    }
    raw.resume();
    await eventually(() => expect(progressIn(raw.text).at(-1)).toBe(changes));
    const progress = progressIn(raw.text);
    expect(progress).toEqual([...new Set(progress)].toSorted((left, right) => left - right));
    expect(progress.length).toBeLessThan(changes / 2);
  });

  it.each([
    ['every twelve seconds', {}, 12_000],
    ['at the configured interval', { PING_INTERVAL_MS: '30000' }, 30_000],
  ])('a silent subscription is kept alive by a ping %s', async (_, env, intervalMs) => {
    const connectionClock = new FakeClock();
    await using board = await startJobBoard({ id: '1', progress: 0 });
    await using gateway = await startGateway({ platform: board, clock: new FakeClock(), connectionClock, env });
    await using raw = await openRaw(transport, gateway, document);
    const pings = () => raw.text.slice(raw.text.indexOf('"data":')).match(/^(?:ping|:|\{\})\r?$/gm)?.length ?? 0;
    for (let ping = 1; ping <= 3; ping += 1) {
      await connectionClock.advanceBy(intervalMs - 1);
      await raw.settle();
      expect(pings()).toBe(ping - 1);
      await connectionClock.advanceBy(1);
      await eventually(() => expect(pings()).toBe(ping));
    }
    // Spring's client takes a comment that is followed by an empty line as an event, and ends the subscription.
    expect(raw.text).not.toMatch(/^:\n\n/m);
    expect(await gateway.metric('aep_watch_subscribers')).toBe(1);
  });
});

it.each(['sse', 'sse-single', 'multipart'] as const)(
  'over %s the response headers forbid proxies to buffer or cache',
  async (transport) => {
    await using board = await startJobBoard({ id: '1', progress: 0 });
    await using gateway = await startGateway({ platform: board, clock: new FakeClock() });
    await using raw = await openRaw(transport, gateway, document);
    expect(raw.headers).toMatchObject({ 'x-accel-buffering': 'no', 'cache-control': 'no-store, no-transform' });
  },
);

it('a WebSocket whose client does not respond to a ping is closed with the next one', async () => {
  const connectionClock = new FakeClock();
  await using board = await startJobBoard({ id: '1', progress: 0 });
  await using gateway = await startGateway({ platform: board, clock: new FakeClock(), connectionClock });
  const socket = new WebSocket(gateway.webSocketUrl, 'graphql-transport-ws', { autoPong: false });
  await once(socket, 'open');
  socket.send('{"type":"connection_init"}');
  await once(socket, 'message');
  const pinged = once(socket, 'ping');
  await connectionClock.advanceBy(12_000);
  await pinged;
  const closed = once(socket, 'close');
  await connectionClock.advanceBy(12_000);
  expect((await closed)[0]).toBe(1006);
});
