import { once } from 'node:events';
import { WebSocket } from 'ws';
import { serve } from './channel.ts';

/** Maximum number of sockets that are being opened at the same time, below the connection backlog of a server. */
const maxOpening = 100;

const sockets: WebSocket[] = [];
let messages = 0;
/** Milliseconds between `observedAt` of an event and its arrival. */
let delaysMs: number[] = [];
/** Events of the first of the subscribers that were opened together. The other server sends them again. */
let received: unknown[] = [];
let measuring = false;

async function open(url: string, query: string, isFirst: boolean): Promise<void> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws', {
    perMessageDeflate: false,
  });
  await once(socket, 'open');
  socket.send('{"type":"connection_init"}');
  await once(socket, 'message');
  sockets.push(socket);
  socket.on('message', (data: Buffer) => receive(data, isFirst));
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }));
}

const observedAt = /"observedAt":"([^"]+)"/;

function receive(data: Buffer, isFirst: boolean): void {
  if (!measuring) return;
  const text = data.toString('latin1');
  const seen = observedAt.exec(text)?.[1];
  if (seen === undefined) throw new Error(`Not an event: ${text}`);
  messages += 1;
  delaysMs.push(Date.now() - Date.parse(seen));
  if (isFirst) received.push(JSON.parse(String(data)).payload.data.exportJobChanged);
}

interface OpenOptions {
  readonly url: string;
  readonly count: number;
  readonly query: string;
}

const handlers = {
  open: async ({ url, count, query }: OpenOptions): Promise<void> => {
    let left = count;
    const opener = async () => {
      while (left > 0) {
        left -= 1;
        await open(url, query, left === count - 1);
      }
    };
    await Promise.all(Array.from({ length: Math.min(maxOpening, count) }, opener));
  },
  measure: (): void => {
    messages = 0;
    delaysMs = [];
    received = [];
    measuring = true;
  },
  measured: () => {
    measuring = false;
    const sorted = delaysMs.toSorted((left, right) => left - right);
    const quantile = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? null;
    return { messages, p50Ms: quantile(0.5), p99Ms: quantile(0.99), received };
  },
  close: async (): Promise<void> => {
    const closed = sockets.map((socket) => once(socket, 'close'));
    for (const socket of sockets.splice(0)) socket.close();
    await Promise.all(closed);
  },
};

export type Clients = typeof handlers;
serve(handlers);
