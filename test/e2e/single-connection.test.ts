import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, type Headers, startGateway } from '../support/gateway.ts';
import { type JobBoard, startJobBoard } from '../support/job-board.ts';
import { bearer, startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts';

let board: JobBoard;
beforeAll(async () => {
  board = await startJobBoard({ id: '1', progress: 0 });
});
afterAll(() => board[Symbol.asyncDispose]());

const watch = 'subscription { exportJobChanged { kind job { id } } }';
const small = '{ viewer { canWrite } }';
const tokenHeader = 'x-graphql-event-stream-token';

/** The single requests of a client in single connection mode. */
const client = (gateway: Gateway, headers: Headers = {}) => {
  const url = `${gateway.graphqlUrl}/stream`;
  const send = (method: string, more: Headers = {}, body?: unknown, search = '') =>
    fetch(url + search, {
      method,
      headers: { ...headers, ...more },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  const json = { 'content-type': 'application/json' };
  return {
    send,
    reserve: () => send('PUT'),
    open: (token: string) => send('GET', { accept: 'text/event-stream', [tokenHeader]: token }),
    execute: (token: string, query: string, operationId: unknown, more: object = {}) =>
      send('POST', { ...json, [tokenHeader]: token }, { query, ...more, extensions: { operationId } }),
    complete: (token: string, id: string) => send('DELETE', { [tokenHeader]: token }, undefined, `?operationId=${id}`),
  };
};

/** Reads an event stream as text. */
function reading(response: Response): { text: string; done: Promise<void>; cancel(): Promise<void> } {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const read = { text: '', done: Promise.resolve(), cancel: async () => void (await reader?.cancel()) };
  read.done = (async () => {
    for (let chunk = await reader?.read(); chunk?.done === false; chunk = await reader?.read())
      read.text += chunk.value;
  })();
  return read;
}

const codeOf = async (response: Response): Promise<unknown> => {
  const body: { readonly errors?: readonly { readonly extensions?: { readonly code?: unknown } }[] } = JSON.parse(
    (await response.text()) || '{}',
  );
  return body.errors?.[0]?.extensions?.code;
};
const outcomeOf = async (response: Response) => [response.status, await codeOf(response)];

const start = (env: Readonly<Record<string, string>> = {}, connectionClock = new FakeClock()) =>
  startGateway({ platform: board, clock: new FakeClock(), connectionClock, env });

describe('an event stream for several operations', () => {
  it('sends the results of each under its id, and nothing more for a completed one', async () => {
    await using gateway = await start();
    const { reserve, open, execute, complete } = client(gateway);
    const reserved = await reserve();
    expect([reserved.status, reserved.headers.get('content-type')]).toEqual([201, 'text/plain; charset=utf-8']);
    const token = await reserved.text();
    const events = reading(await open(token));
    for (const id of ['a', 'b']) expect((await execute(token, watch, id)).status).toBe(202);
    expect((await execute(token, small, 'c')).status).toBe(202);
    expect((await execute(token, '{ nope }', 'd')).status).toBe(202);
    await eventually(() => {
      for (const id of ['a', 'b']) expect(events.text).toContain(`data: {"id":"${id}","payload":{"data":{"exportJobCh`);
      expect(events.text).toContain('data: {"id":"c","payload":{"data":{"viewer":{"canWrite":true}}}}\n\n');
      expect(events.text).toContain('event: complete\ndata: {"id":"c"}\n\n');
      expect(events.text).toContain('data: {"id":"d","payload":{"errors":[{"message":"Cannot query field');
    });
    expect(await gateway.metric('aep_watch_subscribers')).toBe(2);
    expect((await complete(token, 'a')).status).toBe(200);
    await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(1));
    expect(events.text).not.toContain('"errors":[{"message":"Internal');
    // The id is free again.
    expect((await execute(token, watch, 'a')).status).toBe(202);
    await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(2));
    await events.cancel();
    await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(0));
    expect(await outcomeOf(await execute(token, small, 'e'))).toEqual([404, 'NOT_FOUND']);
  });

  it('sends results of operations that were executed before it was opened', async () => {
    await using gateway = await start();
    const { reserve, open, execute } = client(gateway);
    const token = await (await reserve()).text();
    expect((await execute(token, small, 'a')).status).toBe(202);
    const events = reading(await open(token));
    await eventually(() => expect(events.text).toContain('"canWrite":true'));
    await events.cancel();
  });

  it('is dropped if it is not opened', async () => {
    const connectionClock = new FakeClock();
    await using gateway = await start({}, connectionClock);
    const { reserve, execute } = client(gateway);
    const token = await (await reserve()).text();
    expect((await execute(token, watch, 'a')).status).toBe(202);
    await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(1));
    for (let ping = 0; ping < 3; ping += 1) await connectionClock.advanceBy(12_000);
    await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(0));
    expect(await outcomeOf(await execute(token, watch, 'b'))).toEqual([404, 'NOT_FOUND']);
  });

  it('has room again for each operation that has ended', async () => {
    await using gateway = await start({ MAX_SUBSCRIPTIONS_PER_SOCKET: '1' });
    const { reserve, open, execute } = client(gateway);
    const token = await (await reserve()).text();
    const read = reading(await open(token));
    for (const [index, query] of [small, '{', small, '{ missing }', small].entries()) {
      const id = `operation ${index}`;
      expect((await execute(token, query, id)).status).toBe(202);
      await eventually(() => expect(read.text).toContain(`event: complete\ndata: {"id":"${id}"}`));
    }
    await read.cancel();
  });

  it('is opened once, accepts each id once, and limits the number of operations', async () => {
    await using gateway = await start({ MAX_SUBSCRIPTIONS_PER_SOCKET: '1' });
    const { reserve, open, execute, send } = client(gateway);
    const token = await (await reserve()).text();
    const events = reading(await open(token));
    expect(await outcomeOf(await open(token))).toEqual([409, 'CONFLICT']);
    expect((await send('GET', { accept: 'application/json', [tokenHeader]: token })).status).toBe(406);
    expect((await execute(token, watch, 'a')).status).toBe(202);
    expect(await outcomeOf(await execute(token, watch, 'a'))).toEqual([409, 'CONFLICT']);
    expect(await outcomeOf(await execute(token, watch, 'b'))).toEqual([429, 'RATE_LIMITED']);
    await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(1));
    await events.cancel();
  });

  it('rejects invalid operations', async () => {
    await using gateway = await start();
    const { reserve, execute, send } = client(gateway);
    const token = await (await reserve()).text();
    const post = (body: unknown, type = 'application/json') =>
      send('POST', { 'content-type': type, [tokenHeader]: token }, body);
    for (const id of [undefined, '', 7, 'x'.repeat(201)]) {
      expect(await outcomeOf(await execute(token, small, id))).toEqual([400, 'INVALID_INPUT']);
    }
    for (const body of ['', '{', 'null', '[]', '{"query":1,"extensions":{"operationId":"a"}}']) {
      expect(await outcomeOf(await post(body))).toEqual([400, 'BAD_REQUEST']);
    }
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      expect((await post({ query: small, extensions: { operationId: 'a' } }, type)).status).toBe(415);
    }
    expect((await send('PATCH')).status).toBe(405);
    expect((await send('GET', {}, undefined, 'er')).status).toBe(404);
  });

  it('may be used by pages of allowed origins', async () => {
    await using gateway = await start({ CORS_ORIGINS: 'https://app.example' });
    const preflight = (origin: string) =>
      client(gateway).send('OPTIONS', {
        origin,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': tokenHeader,
      });
    const { headers } = await preflight('https://app.example');
    expect(headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(headers.get('access-control-allow-methods')?.split(', ')).toContain('PUT');
    expect(headers.get('access-control-allow-headers')).toBe(tokenHeader);
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).not.toBe(
      'https://evil.example',
    );
  });
});

describe('the token of an event stream', () => {
  let issuer: TokenIssuer;
  let gateway: Gateway;
  beforeAll(async () => {
    issuer = await startTokenIssuer();
    gateway = await startGateway({ platform: board, env: issuer.env(board) });
  });
  afterAll(async () => {
    await gateway.close();
    await issuer[Symbol.asyncDispose]();
  });

  const everyRequest = (token: string, headers: Headers) => {
    const { open, execute, complete } = client(gateway, headers);
    return [() => open(token), () => execute(token, watch, 'x'), () => complete(token, 'a')];
  };

  it('is not a credential, because each request is authenticated separately', async () => {
    const owner = client(gateway, bearer(await issuer.sign()));
    const token = await (await owner.reserve()).text();
    expect(await outcomeOf(await client(gateway).reserve())).toEqual([401, 'UNAUTHENTICATED']);
    for (const request of everyRequest(token, {})) {
      expect(await outcomeOf(await request())).toEqual([401, 'UNAUTHENTICATED']);
    }
    const over = bearer(await issuer.sign({}, { expiresInSeconds: -60 }));
    for (const request of everyRequest(token, over)) {
      expect(await outcomeOf(await request())).toEqual([401, 'TOKEN_EXPIRED']);
    }
  });

  it('belongs to the caller that reserved it, and does not exist for other callers', async () => {
    const owner = client(gateway, bearer(await issuer.sign()));
    const token = await (await owner.reserve()).text();
    const events = reading(await owner.open(token));
    expect((await owner.execute(token, watch, 'a')).status).toBe(202);
    await eventually(() => expect(events.text).toContain('"payload":{"data"'));
    const other = bearer(await issuer.sign({ sub: 'another' }));
    const texts = new Set<string>();
    for (const guess of [token, 'ffffffff-ffff-4fff-bfff-ffffffffffff']) {
      for (const request of everyRequest(guess, other)) {
        const response = await request();
        expect(response.status).toBe(404);
        texts.add(await response.text());
      }
    }
    expect(texts.size).toBe(1);
    // The owner's operation continues, and a renewed token still belongs to the same owner.
    expect(await gateway.metric('aep_watch_subscribers')).toBe(1);
    const renewed = client(gateway, bearer(await issuer.sign({}, { expiresInSeconds: 7_200 })));
    expect((await renewed.complete(token, 'a')).status).toBe(200);
    await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(0));
    await events.cancel();
  });
});
