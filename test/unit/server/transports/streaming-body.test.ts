import { buffer, text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { createConnectionRegistry } from '../../../../src/server/connections/connection-registry.ts';
import { maxBufferedBytes } from '../../../../src/server/connections/send-buffers.ts';
import { createStreamingBody } from '../../../../src/server/transports/streaming-body.ts';
import { defaultPingInterval } from '../../../support/default-config.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { quietSendBuffers } from '../../../support/send-buffers.ts';

const setup = () => {
  const clock = new FakeClock();
  const connections = createConnectionRegistry({ ...defaultPingInterval, clock });
  const calls: string[] = [];
  const body = createStreamingBody({
    transport: 'sse',
    connections,
    buffers: quietSendBuffers(clock),
    principal: 'somebody',
    ping: '.',
    disconnect: () => calls.push('cut'),
    onEnd: (reason) => calls.push(reason === null ? 'end' : `end: ${reason}`),
  });
  return { clock, connections, calls, body };
};

/** More bytes than a stream buffers without backpressure. */
const large = 'x'.repeat(64 * 1024);
const settled = (promise: Promise<unknown>) =>
  Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);

describe('a live body', () => {
  it('a live body contains the written frames and ends with a last frame', async () => {
    const { body, calls, clock } = setup();
    const read = text(body.stream);
    expect(await body.write('a')).toBe(true);
    expect(await body.write('b')).toBe(true);
    body.end('c');
    expect(await read).toBe('abc');
    expect(await body.write('d')).toBe(false);
    body.end('e');
    expect(calls).toEqual(['end']);
    // No ping is scheduled, and no waiting bytes are counted.
    expect(clock.pending('deadline')).toBe(0);
  });

  it('a live body makes writers wait until its client reads', async () => {
    const { body } = setup();
    const [first, second] = [body.write(large), body.write(large)];
    expect(await settled(first)).toBe(false);
    const read = text(body.stream);
    expect(await Promise.all([first, second])).toEqual([true, true]);
    body.end();
    expect(await read).toHaveLength(2 * large.length);
  });

  it('a live body resolves waiting writers when it ends', async () => {
    const { body, calls } = setup();
    const written = body.write(large);
    body.stream.destroy();
    expect(await written).toBe(false);
    expect(calls).toEqual(['end: disconnected']);
  });

  it('a live body is cut off when too many bytes wait', async () => {
    const { body, calls } = setup();
    const most = Math.ceil(maxBufferedBytes / large.length);
    const written = Array.from({ length: most + 1 }, () => body.write(large));
    expect(calls).toEqual([]);
    expect(await body.write('one more')).toBe(false);
    expect(new Set(await Promise.all(written))).toEqual(new Set([false]));
    expect(calls).toEqual(['end: too_slow', 'cut']);
  });

  it('a live body accepts one frame of any length', async () => {
    const { body, calls } = setup();
    const read = buffer(body.stream);
    expect(await body.write('x'.repeat(maxBufferedBytes + 1))).toBe(true);
    body.end();
    expect((await read).length).toBe(maxBufferedBytes + 1);
    expect(calls).toEqual(['end']);
  });

  it('a live body is cut off when its client reads nothing between two pings', async () => {
    const { clock, calls } = setup();
    await clock.advanceBy(12_000);
    await clock.advanceBy(12_000);
    await eventually(() => expect(calls).toEqual(['end: unresponsive', 'cut']));
  });

  it('a live body stays open while its pings are read', async () => {
    const { clock, body, calls } = setup();
    const read = text(body.stream);
    for (let ping = 0; ping < 5; ping += 1) await clock.advanceBy(12_000);
    expect(calls).toEqual([]);
    body.end();
    expect(await read).toBe('.....');
  });

  it('a live body ends without completion and stops its pings when the gateway drains', async () => {
    const { clock, connections, calls, body } = setup();
    const read = text(body.stream);
    await body.write('a');
    await connections.drain(0);
    expect(await read).toBe('a');
    expect(calls).toEqual(['end: shutting_down']);
    expect(clock.pending('deadline')).toBe(0);
  });
});
