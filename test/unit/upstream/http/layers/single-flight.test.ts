import { describe, expect, it } from 'vitest';
import type { UpstreamRequest } from '../../../../../src/upstream/http/call.ts';
import { withSingleFlight } from '../../../../../src/upstream/http/layers/single-flight.ts';
import { createPassthroughCredential } from '../../../../../src/upstream/index.ts';
import { namesakeOf } from '../../../../support/tenants.ts';
import { callerOf, failedWith, readRequest, settled } from '../../layers.ts';
import { caller, countListeners, MetricsRecorder } from '../../platform-stub.ts';

/** A platform that responds when the test releases it. */
function harness() {
  const calls: { request: UpstreamRequest; resolve(value: string): void; reject(error: Error): void }[] = [];
  const metrics = new MetricsRecorder();
  const send = withSingleFlight({ metrics })(
    (request) =>
      new Promise<string>((resolve, reject) => {
        request.signal.addEventListener('abort', () => reject(request.signal.reason), { once: true });
        calls.push({ request, resolve, reject });
      }),
  );
  return { calls, metrics, send };
}

describe('identical reads in flight', () => {
  it('share one call and its response', async () => {
    const { calls, metrics, send } = harness();
    const responses = Promise.all([send(readRequest()), send(readRequest()), send(readRequest())]);
    calls[0]?.resolve('response');
    expect(await responses).toEqual(['response', 'response', 'response']);
    expect(calls).toHaveLength(1);
    expect(metrics.sharedCalls).toHaveLength(2);
  });

  it('share a failure, which is not kept for later reads', async () => {
    const { calls, send } = harness();
    const failures = Promise.allSettled([send(readRequest()), send(readRequest())]);
    const failure = failedWith(503);
    calls[0]?.reject(failure);
    expect(await failures).toEqual([
      { status: 'rejected', reason: failure },
      { status: 'rejected', reason: failure },
    ]);
    const again = send(readRequest());
    calls[1]?.resolve('better');
    expect(await again).toBe('better');
  });

  it('are sent again after the end of a shared call', async () => {
    const { calls, send } = harness();
    const first = send(readRequest());
    calls[0]?.resolve('first');
    await first;
    const second = send(readRequest());
    calls[1]?.resolve('second');
    expect(await second).toBe('second');
    // A finished call is not cancelled too.
    expect(calls.map(({ request }) => request.signal.aborted)).toEqual([false, false]);
  });

  it.each<[string, Partial<UpstreamRequest>]>([
    ['another path', { path: '/jobs?limit=2' }],
    ['another service', { service: 'catalog' }],
    ['another sandbox', { caller: callerOf('dev') }],
    ['an equal sandbox name of another organization', { caller: { ...caller(), tenant: namesakeOf(caller().tenant) } }],
    ['a path that is not in a sandbox', { sandboxed: false }],
    ['a compressed response', { compressed: true }],
    ['another credential', { caller: caller(createPassthroughCredential({ authorization: 'Bearer b', apiKey: 'k' })) }],
    ['other headers', { headers: { range: 'bytes=0-1' } }],
    ['another meaning of 404', { subject: '7' }],
    ['a response that is not read', { response: 'ignored' }],
    ['less time', { timeoutMs: 1 }],
  ])('are separate from a read with %s', async (_, changes) => {
    const { calls, send } = harness();
    const responses = Promise.all([send(readRequest()), send(readRequest(changes))]);
    calls[0]?.resolve('one');
    calls[1]?.resolve('other');
    expect(await responses).toEqual(['one', 'other']);
  });

  it.each<Partial<UpstreamRequest>>([
    { method: 'POST', effect: 'read' },
    { method: 'POST', effect: 'create' },
    { method: 'DELETE', effect: 'delete' },
    { method: 'HEAD' },
  ])('are only GETs, and not %j', async (changes) => {
    const { calls, send } = harness();
    const responses = Promise.all([send(readRequest(changes)), send(readRequest(changes))]);
    for (const { resolve } of calls) resolve('own');
    expect(await responses).toEqual(['own', 'own']);
    expect(calls).toHaveLength(2);
  });
});

describe('a caller that leaves', () => {
  it('receives the reason of its own signal, and the other callers receive the response', async () => {
    const { calls, send } = harness();
    const leaving = new AbortController();
    const left = send(readRequest({ signal: leaving.signal }));
    const staying = send(readRequest());
    leaving.abort(new Error('I left.'));
    await expect(left).rejects.toThrow('I left.');
    expect(calls[0]?.request.signal.aborted).toBe(false);
    calls[0]?.resolve('response');
    expect(await staying).toBe('response');
  });

  it('cancels the call if it is the last caller, and a new caller begins another', async () => {
    const { calls, send } = harness();
    const [one, other] = [new AbortController(), new AbortController()];
    const all = Promise.allSettled([
      send(readRequest({ signal: one.signal })),
      send(readRequest({ signal: other.signal })),
    ]);
    one.abort();
    await settled();
    expect(calls[0]?.request.signal.aborted).toBe(false);
    other.abort(new Error('The last one left.'));
    await all;
    expect(calls[0]?.request.signal.reason).toEqual(new Error('The last one left.'));
    const next = send(readRequest());
    calls[1]?.resolve('fresh');
    expect(await next).toBe('fresh');
  });

  it('leaves no call to share if it is the last caller, even before the call has ended', async () => {
    const paths: string[] = [];
    // A call that takes a while to end after it was given up.
    const send = withSingleFlight({ metrics: new MetricsRecorder() })(({ path }) => {
      paths.push(path);
      return paths.length === 1 ? new Promise<string>(() => {}) : Promise.resolve('fresh');
    });
    const leaving = new AbortController();
    const left = send(readRequest({ signal: leaving.signal }));
    leaving.abort(new Error('I left.'));
    await expect(left).rejects.toThrow('I left.');
    await settled();
    expect(await send(readRequest())).toBe('fresh');
  });

  it('causes no call if its signal has already aborted', async () => {
    const { calls, send } = harness();
    await expect(send(readRequest({ signal: AbortSignal.abort(new Error('gone')) }))).rejects.toThrow('gone');
    expect(calls).toHaveLength(0);
  });

  it('leaves no listener behind', async () => {
    const { calls, send } = harness();
    const { signal } = new AbortController();
    const listeners = countListeners(signal);
    const response = send(readRequest({ signal }));
    expect(listeners()).toBe(1);
    calls[0]?.resolve('response');
    await response;
    await settled();
    expect(listeners()).toBe(0);
  });
});

describe('a poll', () => {
  it('receives the priority of an interactive caller that joins it', async () => {
    const { calls, send } = harness();
    const first = send(readRequest({ priority: 'poll' }));
    expect(calls[0]?.request).toMatchObject({ priority: 'poll', promoted: { aborted: false } });
    const second = send(readRequest());
    expect(calls[0]?.request.promoted?.aborted).toBe(true);
    calls[0]?.resolve('response');
    expect(await Promise.all([first, second])).toEqual(['response', 'response']);
  });

  it('never receives the response to an earlier call, and cancels only its own call', async () => {
    const { calls, send } = harness();
    const caller = send(readRequest());
    const controller = new AbortController();
    const poll = send(readRequest({ priority: 'poll', signal: controller.signal }));
    const joined = new AbortController();
    const late = send(readRequest({ signal: joined.signal }));
    expect(calls).toHaveLength(2);
    const reason = new Error('left');
    controller.abort(reason);
    joined.abort(reason);
    await Promise.all([expect(poll).rejects.toBe(reason), expect(late).rejects.toBe(reason)]);
    expect(calls.map(({ request }) => request.signal.aborted)).toEqual([false, true]);
    calls[0]?.resolve('older');
    expect(await caller).toBe('older');
  });

  it('leaves the earlier call to the callers of that call', async () => {
    const { calls, send } = harness();
    const controller = new AbortController();
    const caller = send(readRequest({ signal: controller.signal }));
    const poll = send(readRequest({ priority: 'poll' }));
    const reason = new Error('left');
    controller.abort(reason);
    await expect(caller).rejects.toBe(reason);
    expect(calls.map(({ request }) => request.signal.aborted)).toEqual([true, false]);
    calls[1]?.resolve('newer');
    expect(await poll).toBe('newer');
  });
});
