import { EventEmitter, on } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { serve, usage } from './channel.ts';

const events = new EventEmitter();
events.setMaxListeners(0);

async function* jobEvents(): AsyncGenerator<unknown> {
  // `on` gets no signal, because leaving the loop removes the listener.
  for await (const [event] of on(events, 'job')) yield { exportJobChanged: event };
}

const handlers = {
  /** Starts graphql-ws as in its documentation, with the gateway's schema and events from this process's memory. */
  start: async (): Promise<string> => {
    const schema = buildSchema(readFileSync('schema/schema.graphql', 'utf8'));
    const field = schema.getSubscriptionType()?.getFields()['exportJobChanged'];
    if (field === undefined) throw new Error('The schema has no field exportJobChanged.');
    field.subscribe = jobEvents;
    const server = createServer();
    useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    // The assertion holds because a server that listens on a port has an AddressInfo.
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  /** Sends events to all subscribers, as if they happened now. */
  publish: (received: readonly Readonly<Record<string, unknown>>[]): void => {
    for (const event of received) events.emit('job', { ...event, observedAt: new Date().toISOString() });
  },
  usage,
};

export type PlainHost = typeof handlers;
serve(handlers);
