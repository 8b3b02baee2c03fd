import { Pool } from 'undici';
import { describe, expect, it } from 'vitest';
import { ExchangeFailure, exchange } from '../../../../src/upstream/http/exchange.ts';
import { countListeners, sendJson, silence, startStub } from '../platform-stub.ts';

const request = { method: 'GET', path: '/', headers: {}, body: null, maxBodyBytes: 100 } as const;
const { signal } = new AbortController();

describe('an exchange', () => {
  it('that is cancelled while it waits for a connection is never sent', async () => {
    let respondFirst = () => {};
    await using stub = await startStub((_request, response) => {
      respondFirst = () => sendJson(response, 200, {});
    });
    const pool = new Pool(stub.url, { connections: 1 });
    const first = exchange(pool, { ...request, signal });
    await stub.received(1);

    const leaving = new AbortController();
    const second = exchange(pool, { ...request, signal: leaving.signal }).then(undefined, (error: unknown) => error);
    leaving.abort(new Error('The caller left.'));
    expect(await second).toMatchObject({ constructor: ExchangeFailure, kind: 'aborted', sent: false });

    respondFirst();
    expect(await first).toMatchObject({ status: 200 });
    await pool.close();
    expect(stub.requests).toHaveLength(1);
  });

  it('that is cancelled while it waits for the response was sent', async () => {
    await using stub = await startStub(silence);
    const pool = new Pool(stub.url);
    const leaving = new AbortController();
    const response = exchange(pool, { ...request, signal: leaving.signal }).then(undefined, (error: unknown) => error);
    await stub.received(1);
    leaving.abort();
    expect(await response).toMatchObject({ kind: 'aborted', sent: true });
    await pool.destroy();
  });

  it('that is cancelled closes its connection, so that another exchange can be sent', async () => {
    let closed = () => {};
    const connectionClosed = new Promise<void>((resolve) => {
      closed = resolve;
    });
    await using stub = await startStub((_request, response) => {
      response.once('close', closed);
    });
    const pool = new Pool(stub.url, { connections: 1 });
    const leaving = new AbortController();
    const response = exchange(pool, { ...request, signal: leaving.signal }).then(undefined, (error: unknown) => error);
    await stub.received(1);
    leaving.abort();
    await response;
    await connectionClosed;
    await pool.destroy();
  });

  it('accepts a body of exactly the maximum size', async () => {
    const sizes = [100, 101];
    await using stub = await startStub((_request, response) => response.end('x'.repeat(sizes.shift() ?? 0)));
    const pool = new Pool(stub.url);
    expect((await exchange(pool, { ...request, signal })).body).toHaveLength(100);
    await expect(exchange(pool, { ...request, signal })).rejects.toMatchObject({ kind: 'too-large', sent: true });
    await pool.destroy();
  });

  it.each([
    ['completed', 100, 'resolved'],
    ['rejected', 101, 'rejected'],
  ])('that is %s leaves no listener on the signal of its caller', async (_, size, outcome) => {
    await using stub = await startStub((_request, response) => response.end('x'.repeat(size)));
    const pool = new Pool(stub.url);
    const { signal: own } = new AbortController();
    const listeners = countListeners(own);
    const ended = await exchange(pool, { ...request, signal: own }).then(
      () => 'resolved',
      () => 'rejected',
    );
    expect([ended, listeners()]).toEqual([outcome, 0]);
    await pool.destroy();
  });

  it('with an invalid header was not sent', async () => {
    await using stub = await startStub(silence);
    const pool = new Pool(stub.url);
    await expect(exchange(pool, { ...request, signal, headers: { bad: 'a\r\nb' } })).rejects.toMatchObject({
      kind: 'broken',
      sent: false,
    });
    await pool.destroy();
    expect(stub.requests).toHaveLength(0);
  });
});
