import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCompressingProxy } from '../support/compressing-proxy.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type JobBoard, startJobBoard } from '../support/job-board.ts';
import { openRaw } from '../support/raw-stream.ts';

let board: JobBoard;
let gateway: Gateway;
beforeAll(async () => {
  board = await startJobBoard({ id: '1', progress: 7, status: 'SUCCEEDED' });
  gateway = await startGateway({ platform: board, clock: new FakeClock() });
});
afterAll(async () => {
  await gateway.close();
  await board[Symbol.asyncDispose]();
});

const ended = 'subscription { exportJobChanged(ids: ["1"]) { kind } }';
const unknown = 'subscription { exportJobChanged(ids: ["2"]) { kind } }';
const small = '{ viewer { canWrite } }';
const data = '{"data":{"exportJobChanged":{"kind":"SNAPSHOT"}}}';

async function ask(query: string, accept: string, method = 'POST') {
  const response = await fetch(
    method === 'GET' ? `${gateway.graphqlUrl}?${new URLSearchParams({ query })}` : gateway.graphqlUrl,
    {
      method,
      headers: { accept, ...(method === 'GET' ? {} : { 'content-type': 'application/json' }) },
      ...(method === 'GET' ? {} : { body: JSON.stringify({ query }) }),
    },
  );
  return [response.status, response.headers.get('content-type'), await response.text()] as const;
}

const json = 'application/json; charset=utf-8';
const graphqlJson = 'application/graphql-response+json; charset=utf-8';
const eventStream = 'text/event-stream; charset=utf-8';
// gql for Python and Apollo's client for iOS compare the parameters as text. gql rejects quoted ones.
const subscriptions = 'multipart/mixed;boundary=graphql;subscriptionSpec=1.0';
/** The types that Apollo Client accepts. */
const apollo =
  'multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9';
const parts = (...contents: readonly string[]) =>
  `\r\n--graphql${contents.map((content) => `\r\ncontent-type: application/json\r\n\r\n${content}\r\n--graphql`).join('')}--\r\n`;
// A comment is a part of the next event: Spring's client ends the subscription at an event without a name.
const events = (...contents: readonly string[]) =>
  `:\n${contents.map((content) => `event: next\ndata: ${content}\n\n`).join('')}event: complete\ndata:\n\n`;

describe('a subscription', () => {
  it.each(['POST', 'GET'])('by %s is sent in the format that its client accepts', async (method) => {
    const multipart = [200, subscriptions, parts(`{"payload":${data}}`)];
    expect(await ask(ended, apollo, method)).toEqual(multipart);
    expect(await ask(ended, 'multipart/mixed; subscriptionSpec="1.0"', method)).toEqual(multipart);
    for (const accept of ['text/event-stream', 'application/json, text/event-stream', '*/*', 'text/*']) {
      expect(await ask(ended, accept, method)).toEqual([200, eventStream, events(data)]);
    }
    expect(await ask(ended, `text/event-stream, ${apollo}`, method)).toEqual([200, eventStream, events(data)]);
  });

  it.each([
    'application/json',
    'multipart/mixed',
    'multipart/mixed; subscriptionSpec="2.0"',
    'multipart/mixed; deferSpec=20220824, application/json',
  ])('is not acceptable as %s', async (accept) => {
    expect((await ask(ended, accept))[0]).toBe(406);
  });

  it('is rejected with status 200, because clients read no other status', async () => {
    const error = /"message":"The platform does not know 2."[^\r\n]*"path":\["exportJobChanged"\][^\r\n]*"NOT_FOUND"/;
    const [multipart, stream] = [await ask(unknown, apollo), await ask(unknown, 'text/event-stream, application/json')];
    expect([multipart.slice(0, 2), stream.slice(0, 2)]).toEqual([
      [200, subscriptions],
      [200, eventStream],
    ]);
    expect(multipart[2]).toMatch(/^\r\n--graphql\r\n.*\r\n\r\n\{"payload":null,"errors":\[.*\]\}\r\n--graphql--\r\n$/);
    expect(multipart[2]).toMatch(error);
    expect(stream[2]).toMatch(error);
  });
});

describe('a rejected request', () => {
  it('has the format that its client can read, or else the only possible one', async () => {
    const message = /Cannot query field/;
    const wrong = 'subscription { nope }';
    const rows: readonly (readonly [accept: string, status: number, type: string])[] = [
      [apollo, 422, graphqlJson],
      ['text/event-stream, application/json', 200, json],
      ['text/event-stream', 200, eventStream],
      ['multipart/mixed; subscriptionSpec="1.0"', 200, subscriptions],
    ];
    for (const [accept, status, type] of rows) {
      const response = await ask(wrong, accept);
      expect(response.slice(0, 2)).toEqual([status, type]);
      expect(response[2]).toMatch(message);
    }
  });
});

describe('a query', () => {
  const response = '{"data":{"viewer":{"canWrite":true}}}';

  it('is one response if that is accepted', async () => {
    expect(await ask(small, apollo)).toEqual([200, graphqlJson, response]);
    expect(await ask(small, 'text/event-stream, application/json')).toEqual([200, json, response]);
    expect(await ask(small, '*/*')).toEqual([200, json, response]);
  });

  it('has the format of a stream if nothing else is accepted', async () => {
    expect(await ask(small, 'text/event-stream')).toEqual([200, eventStream, events(response)]);
    expect(await ask(small, 'multipart/mixed; subscriptionSpec="1.0"')).toEqual([
      200,
      subscriptions,
      parts(`{"payload":${response}}`),
    ]);
    const [status, type, text] = await ask(small, 'multipart/mixed');
    expect([status, type]).toEqual([200, 'multipart/mixed; boundary="-"']);
    expect(text).toContain(`\r\n\r\n${response}\r\n-----\r\n`);
  });
});

describe('behind a compressing proxy', () => {
  it.each(['sse', 'multipart', 'sse-single'] as const)('a subscription over %s arrives at once', async (transport) => {
    await using running = await startJobBoard({ id: '1', progress: 7, status: 'PROCESSING' });
    await using own = await startGateway({ platform: running, clock: new FakeClock() });
    await using proxy = await startCompressingProxy(own.url);
    const urls = { graphqlUrl: `${proxy.url}/graphql`, webSocketUrl: own.webSocketUrl };
    await using stream = await openRaw(transport, urls, 'subscription { exportJobChanged { kind } }');
    expect(stream.headers['content-encoding']).toBeUndefined();
  });
});
