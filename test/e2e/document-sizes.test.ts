import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type CallbackRouter, startCallbackRouter } from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { operationTransports, sendOver, streamingTransports } from '../support/operation-transports.ts';
import { profileDataset, startPlatform, startSteppedPlatform } from '../support/platform.ts';
import { StartExportDocument } from './operations.generated.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let callbackRouter: CallbackRouter;
let gateway: Gateway;
beforeAll(async () => {
  platform = await startPlatform();
  callbackRouter = await startCallbackRouter();
  const env = { POLL_MIN_MS: '600000', POLL_MAX_MS: '3600000', SUBSCRIPTION_CALLBACK_URLS: callbackRouter.url };
  gateway = await startGateway({ platform, env });
});
afterAll(async () => {
  await gateway.close();
  await callbackRouter[Symbol.asyncDispose]();
  await platform.close();
});

/** A document of almost 5,000 tokens, whose syntax tree takes about 2 MB. All its operations have names. */
const documentOf = (name: string, operation: string) =>
  `${operation} ${Array.from({ length: 600 }, (_, index) => `query ${name}${index} { viewer { authMode } }`).join(' ')}`;

// The client of the WebSocket removes comments.
const keepsComments = (transport: string) => transport !== 'WebSocket';

it.each(operationTransports.filter(keepsComments))(
  'a document with too many comments is rejected over %s',
  async (transport) => {
    // 1,000 of them fit into a URL.
    await using other = await startGateway({ platform, env: { MAX_OPERATION_TOKENS: '1000' } });
    const documentWith = (comments: number) => `${'#\n'.repeat(comments)}{ viewer { authMode } }`;
    expect((await sendOver(transport, other, { query: documentWith(1_000) })).data).not.toBeNull();
    const { code, text } = await sendOver(transport, other, { query: documentWith(1_001) });
    expect(code).toBe('GRAPHQL_PARSE_FAILED');
    expect(text).toContain('The document has more than 1000 lines with comments.');
  },
);

it('documents of open subscriptions share a bound of memory, which concerns no small document', async () => {
  const socket = new WebSocket(gateway.webSocketUrl, 'graphql-transport-ws');
  const messages: { readonly id?: string; readonly type: string }[] = [];
  socket.on('message', (data) => messages.push(JSON.parse(String(data))));
  socket.once('open', () => socket.send('{"type":"connection_init"}'));
  const idsOf = (wanted: string) => [
    ...new Set(messages.flatMap(({ id = '', type }) => (type === wanted ? [id] : []))),
  ];
  const watch = (id: string) => {
    const query = documentOf(`d${id}_`, `subscription s${id} { exportJobChanged { kind } }`);
    socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query, operationName: `s${id}` } }));
  };
  try {
    await eventually(() => expect(messages).toContainEqual({ type: 'connection_ack' }));
    for (let id = 1; id <= 24; id += 1) watch(String(id));
    await eventually(() => expect(idsOf('next').length + idsOf('error').length).toBe(24));
    // 32 MiB have room for 16 or 17 of them.
    expect(idsOf('error').length).toBeGreaterThanOrEqual(7);
    expect(idsOf('next').length).toBeGreaterThanOrEqual(15);

    for (const transport of streamingTransports.filter(keepsComments)) {
      const query = `${'#'.repeat(600_000)}${transport}\nsubscription { exportJobChanged { kind } }`;
      const { code, text } = await sendOver(transport, gateway, { query, callbackRouter });
      expect(code).toBe('RATE_LIMITED');
      expect(text).toContain('The documents of the open subscriptions of a caller may have 32 MiB together.');
    }
    const wait = `${'#'.repeat(600_000)}\n{ awaitExportJob(id: "99999999", timeoutMs: 1) { ended } }`;
    expect((await sendOver('POST', gateway, { query: wait })).code).toBe('RATE_LIMITED');
    const small = await sendOver('SSE', gateway, { query: 'subscription { exportJobChanged { kind } }' });
    expect(small.code).toBeNull();

    const [first = ''] = idsOf('next');
    socket.send(JSON.stringify({ id: first, type: 'complete' }));
    const subscriptions = idsOf('next').length;
    await eventually(async () => expect(await gateway.metric('aep_subscriptions')).toBe(subscriptions - 1));
    watch('again');
    await eventually(() => expect(idsOf('next')).toContain('again'));
  } finally {
    socket.terminate();
  }
});

it('subscriptions with one long document count it once', async () => {
  const query = `${'#'.repeat(900_000)}\nsubscription { exportJobChanged { kind } }`;
  const controller = new AbortController();
  try {
    for (let count = 0; count < 24; count += 1) {
      const response = await fetch(gateway.graphqlUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
        body: JSON.stringify({ query }),
        signal: controller.signal,
      });
      const { value } = (await response.body?.pipeThrough(new TextDecoderStream()).getReader().read()) ?? {};
      expect(value).not.toContain('RATE_LIMITED');
    }
    expect(await gateway.metric('aep_subscriptions')).toBe(24);
  } finally {
    controller.abort();
  }
  await eventually(async () => expect(await gateway.metric('aep_subscriptions')).toBe(0));
});

it('requests in progress share a bound of memory, which concerns no small request', async () => {
  await using stepped = await startSteppedPlatform({ clock: new FakeClock('2026-11-02T08:00:00Z'), profiles: 40 });
  await using waiting = await startGateway({ platform: stepped });
  const input = { destination: { target: { datasetId: profileDataset } } };
  const { createExportJob } = await waiting.query(StartExportDocument, { input });
  if (createExportJob?.__typename !== 'CreateExportJobPayload') throw new Error(JSON.stringify(createExportJob));
  const { id } = createExportJob.exportJob;
  const query = 'query ($id: ID!) { awaitExportJob(id: $id, timeoutMs: 55000) { ended } }';
  const unused = Array.from({ length: 99 }, () => 'x'.repeat(9_990));
  const controller = new AbortController();
  const codes: unknown[] = [];
  const wait = async () => {
    const response = await fetch(waiting.graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables: { id, unused } }),
      signal: controller.signal,
    });
    const { errors = [] } = await response.json();
    codes.push(response.status, errors[0]?.extensions.code);
  };
  const waits = Array.from({ length: 70 }, () => wait().catch((error: unknown) => error));
  // 64 MiB have room for 67 of them.
  await eventually(() => expect(codes).toEqual([429, 'RATE_LIMITED', 429, 'RATE_LIMITED', 429, 'RATE_LIMITED']));
  for (const transport of operationTransports.filter((each) => each !== 'GET')) {
    const ask = { query: '{ viewer { authMode } }', variables: { unused } };
    expect((await sendOver(transport, waiting, ask)).code).toBe('RATE_LIMITED');
    expect((await sendOver(transport, waiting, { query: ask.query })).data).not.toBeNull();
  }
  controller.abort();
  await Promise.all(waits);
  await eventually(async () => {
    expect(
      (await sendOver('POST', waiting, { query: '{ viewer { authMode } }', variables: { unused } })).code,
    ).toBeNull();
  });
});
