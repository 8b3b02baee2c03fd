import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { eventually } from './eventually.ts';
import type { Gateway } from './gateway.ts';
import type { Transport } from './transports.ts';

/** The raw data of one subscription, for behaviour that the reference clients hide or never cause. */
export interface RawStream extends AsyncDisposable {
  /** All received text. Pings of a WebSocket appear as `ping`. */
  readonly text: string;
  /** Headers of the response; none over WebSocket. */
  readonly headers: IncomingHttpHeaders;
  /** Stops reading, so that the gateway must buffer once the network buffers are full. */
  pause(): void;
  resume(): void;
  /** Resolves when everything that was sent before has arrived, and pings have been answered. */
  settle(): Promise<void>;
}

/** Subscribes, and resolves when the first result has arrived. */
export async function openRaw(
  transport: Transport,
  { graphqlUrl, webSocketUrl }: Pick<Gateway, 'graphqlUrl' | 'webSocketUrl'>,
  query: string,
): Promise<RawStream> {
  const stream = await openers[transport](transport === 'websocket' ? webSocketUrl : graphqlUrl, query);
  await eventually(() => {
    if (!stream.text.includes('"data":'))
      throw new Error(`No result has arrived. Received: ${JSON.stringify(stream.text)}`);
  });
  return stream;
}

const overWebSocket = async (url: string, query: string): Promise<RawStream> => {
  const socket = new WebSocket(url, 'graphql-transport-ws');
  let text = '';
  socket.on('message', (data) => {
    text += `${data}\n`;
  });
  socket.on('ping', () => {
    text += 'ping\n';
  });
  await once(socket, 'open');
  socket.send('{"type":"connection_init"}');
  await once(socket, 'message');
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }));
  return {
    get text() {
      return text;
    },
    headers: {},
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    settle: async () => {
      // Messages are ordered, so the reply to a ping follows all earlier messages.
      const payload = { number: text.length };
      socket.send(JSON.stringify({ type: 'ping', payload }));
      await eventually(() => {
        if (!text.includes(JSON.stringify({ type: 'pong', payload })))
          throw new Error('The gateway does not respond to a ping.');
      });
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(socket, 'close');
      socket.terminate();
      await closed;
    },
  };
};

const readAnswer = (response: IncomingMessage): RawStream => {
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    text += chunk;
  });
  // Tests check aborted responses themselves.
  response.on('error', () => {});
  return {
    get text() {
      return text;
    },
    headers: response.headers,
    pause: () => response.pause(),
    resume: () => response.resume(),
    settle: async () => {},
    [Symbol.asyncDispose]: async () => void response.destroy(),
  };
};

const json = { 'content-type': 'application/json' };

async function answerOf(url: string, headers: Readonly<Record<string, string>>, query?: string): Promise<RawStream> {
  const request = httpRequest(url, { method: query === undefined ? 'GET' : 'POST', headers, agent: false });
  request.end(query === undefined ? undefined : JSON.stringify({ query }));
  const [response]: IncomingMessage[] = await once(request, 'response');
  if (response?.statusCode !== 200) throw new Error(`The gateway responded with ${response?.statusCode}.`);
  return readAnswer(response);
}

const openers: Readonly<Record<Transport, (url: string, query: string) => Promise<RawStream>>> = {
  websocket: overWebSocket,
  sse: (url, query) => answerOf(url, { ...json, accept: 'text/event-stream' }, query),
  multipart: (url, query) => answerOf(url, { ...json, accept: 'multipart/mixed;subscriptionSpec="1.0"' }, query),
  'sse-single': async (graphqlUrl, query) => {
    const url = `${graphqlUrl}/stream`;
    const token = await (await fetch(url, { method: 'PUT' })).text();
    const headers = { 'x-graphql-event-stream-token': token };
    const stream = await answerOf(url, { ...headers, accept: 'text/event-stream' });
    const body = JSON.stringify({ query, extensions: { operationId: '1' } });
    const { status } = await fetch(url, { method: 'POST', headers: { ...json, ...headers }, body });
    if (status !== 202) throw new Error(`The gateway responded with ${status}.`);
    return stream;
  },
};
