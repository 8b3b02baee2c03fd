import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Headers } from '../support/gateway.ts';
import {
  everything,
  type LogPosition,
  parseCursor,
  type SeenEvent,
  type SessionEnd,
  type WatchHistory,
  type WatchSession,
} from '../support/history/watch-history.ts';

/** A session under construction. */
interface OpenSession extends Pick<WatchSession, 'after' | 'openedAt'> {
  readonly events: SeenEvent[];
  end: SessionEnd;
  endedAt: Date | null;
}

/** The members of a `graphql-transport-ws` message that are read here. */
interface Message {
  readonly type: string;
  readonly payload?: { readonly data?: { readonly exportJobChanged: ReceivedEvent } };
}

type ReceivedEvent = Omit<SeenEvent, 'entity'> & {
  readonly job: { readonly id: string; readonly status: string } | null;
};

interface Waiter {
  readonly isWanted: (event: SeenEvent) => boolean;
  readonly resolve: (event: SeenEvent) => void;
}

/** @throws when the text is not a cursor */
export function locationOf(cursor: string): LogPosition {
  const position = parseCursor(cursor);
  if (position === null) throw new Error(`${cursor} is not a cursor.`);
  return position;
}

const query = `subscription ($after: String) {
  exportJobChanged(after: $after) { kind cursor observedAt previousStatus job { id status } }
}`;

/**
 * A client that is cheap enough to run thousands of them. It has one WebSocket and one subscription, and records all
 * its events.
 */
export class StormSubscriber {
  readonly headers: Headers;
  readonly #name: string;
  readonly #sessions: OpenSession[] = [];
  readonly #waiting = new Set<Waiter>();
  #socket: WebSocket | null = null;

  constructor(name: string, headers: Headers) {
    this.#name = name;
    this.headers = headers;
  }

  get history(): WatchHistory {
    return { name: this.#name, scope: everything, sessions: this.#sessions };
  }

  /** Events of the current subscription. */
  get received(): readonly SeenEvent[] {
    return this.#sessions.at(-1)?.events ?? [];
  }

  /** Subscribes after the last event that it received. Resolves when the operation has been sent. */
  async connect(webSocketUrl: string): Promise<void> {
    const socket = new WebSocket(webSocketUrl, 'graphql-transport-ws', { perMessageDeflate: false });
    this.#socket = socket;
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'connection_init', payload: this.headers }));
    await once(socket, 'message');
    const after = this.#sessions.flatMap(({ events }) => events).at(-1)?.cursor ?? null;
    const session: OpenSession = { after, openedAt: new Date(), events: [], end: 'open', endedAt: null };
    this.#sessions.push(session);
    socket.on('message', (data: Buffer) => this.#receive(session, JSON.parse(data.toString())));
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query, variables: { after } } }));
  }

  /** Resolves when it has received the log up to this cursor, as entries or as a snapshot. */
  async reached(cursor: string): Promise<void> {
    const { epoch, sequence } = locationOf(cursor);
    await this.#event(({ kind, cursor: reached }) => {
      const position = locationOf(reached);
      const isInSnapshot = position.partial && (kind === 'SNAPSHOT' || kind === 'RESYNC');
      return !isInSnapshot && position.epoch === epoch && position.sequence >= sequence;
    });
  }

  /** Resolves with the cursor of the first event about a job. */
  async receivedOf(id: string): Promise<string> {
    return (await this.#event(({ entity }) => entity?.id === id)).cursor;
  }

  #event(isWanted: (event: SeenEvent) => boolean): Promise<SeenEvent> {
    const come = this.received.find(isWanted);
    if (come !== undefined) return Promise.resolve(come);
    return new Promise((resolve) => this.#waiting.add({ isWanted, resolve }));
  }

  /** Resolves with the close code when the gateway has closed the socket. */
  async dismissed(): Promise<number> {
    const [code]: unknown[] = await once(this.#openSocket(), 'close');
    this.#end('left');
    return Number(code);
  }

  /** Destroys the connection without notifying the gateway. */
  async drop(): Promise<void> {
    const socket = this.#openSocket();
    const closed = once(socket, 'close');
    socket.terminate();
    await closed;
    this.#end('left');
  }

  #openSocket(): WebSocket {
    if (this.#socket === null) throw new Error(`${this.#name} has not connected.`);
    return this.#socket;
  }

  #receive(session: OpenSession, { type, payload }: Message): void {
    if (type === 'error' || type === 'complete') {
      session.end = type === 'error' ? 'refused' : 'completed';
      session.endedAt = new Date();
      return;
    }
    const received = payload?.data?.exportJobChanged;
    if (type !== 'next' || received === undefined) throw new Error(`${this.#name} received ${type}`);
    const { job, ...event } = received;
    const seen: SeenEvent = { ...event, entity: job && { ...job, state: job.status } };
    session.events.push(seen);
    for (const waiter of this.#waiting) {
      if (!waiter.isWanted(seen)) continue;
      this.#waiting.delete(waiter);
      waiter.resolve(seen);
    }
  }

  #end(end: SessionEnd): void {
    const session = this.#sessions.at(-1);
    if (session?.end === 'open') Object.assign(session, { end, endedAt: new Date() });
    this.#socket = null;
  }
}
