import { setImmediate as turn } from 'node:timers/promises';
import type { EventLog, LogEntry, LogTail } from '../../../../src/events/log.ts';
import { type FeedKeys, feedKeys } from '../../../../src/events/redis/keys.ts';
import { createRedisEventLog, type RedisEventLogOptions } from '../../../../src/events/redis/log.ts';
import { discardScript, headScript, stateScript, writeScript } from '../../../../src/events/redis/scripts.ts';
import type { Redis, RedisClient, RedisSubscriber } from '../../../../src/runtime/redis.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { TestHeartbeat } from '../../../support/redis-replica.ts';
import { tenantOf } from '../../../support/tenants.ts';
import { type Item, key } from '../subscriber/stream-setup.ts';

interface StoredRecord {
  readonly id: string;
  message: { readonly head: string; readonly after: string; readonly data: string };
}

interface Given {
  readonly epoch: string;
  readonly newEpoch: string;
  readonly identity: string;
  readonly known?: string;
  readonly expectedCursor?: string;
  readonly begins: boolean;
  readonly observedAt: string;
  readonly entries: number;
  readonly stale: readonly { readonly subject: string; readonly on: boolean }[];
  readonly note?: string;
  readonly adopted: number;
  readonly set: number;
  readonly dropped: number;
  readonly term?: number;
}

const scripts = new Map([
  [headScript.sha1, 'head'],
  [stateScript.sha1, 'state'],
  [writeScript.sha1, 'write'],
  [discardScript.sha1, 'discard'],
]);

/** A server that executes the commands of an event log in this process, one at a time, and records them. */
export class LogServer {
  /** Names of the commands so far, with a detail that distinguishes calls of the same command. */
  readonly calls: string[] = [];
  /** Arguments of the last write, with the data of its record. */
  given: unknown = null;
  /** Called before each command. Its error is the reply. */
  before: (call: string) => Promise<void> | void = () => undefined;
  /** Whether messages are published. */
  publishes = true;
  readonly streams = new Map<string, StoredRecord[]>();
  readonly snapshots = new Map<string, Map<string, string>>();
  readonly metas = new Map<string, Map<string, string>>();
  readonly subscribers = new Set<{ readonly channel: string; readonly subscriber: RedisSubscriber }>();

  readonly redis: Pick<Redis, 'send' | 'subscribe'> = {
    send: (commands) => commands(this.#client),
    subscribe: (channel, subscriber) => {
      const one = { channel, subscriber };
      this.subscribers.add(one);
      return { [Symbol.dispose]: () => void this.subscribers.delete(one) };
    },
  };

  // An event log calls no other method of a client.
  readonly #client = {
    evalSha: async (sha1: string, { keys, arguments: values }: { keys: string[]; arguments: string[] }) => {
      const name = scripts.get(sha1) ?? sha1;
      await this.#note(name);
      return this.#run(name, keys, values);
    },
    hScan: async (snapshot: string, cursor: string, { COUNT: count }: { COUNT: number }) => {
      await this.#note(`scan ${cursor}`);
      const all = [...(this.snapshots.get(snapshot) ?? [])].map(([field, value]) => ({ field, value }));
      const end = Number(cursor) + count;
      return { entries: all.slice(Number(cursor), end), cursor: end < all.length ? `${end}` : '0' };
    },
    xRange: async (events: string, from: string, to: string, { COUNT: count }: { COUNT: number }) => {
      await this.#note(`range ${from}`);
      if (to !== '+') throw new Error(`not the end of a stream: ${to}`);
      const isAfter = ({ id }: StoredRecord) =>
        from.startsWith('(') ? compare(id, from.slice(1)) > 0 : compare(id, from) >= 0;
      return this.stream(events).filter(isAfter).slice(0, count);
    },
    hGet: async (meta: string, field: string) => {
      await this.#note(`get ${field}`);
      return this.metas.get(meta)?.get(field) ?? null;
    },
  } as unknown as RedisClient;

  /** Calls of one command after the given number of calls. */
  named(name: string, after = 0): readonly string[] {
    return this.calls.slice(after).filter((call) => call.split(' ', 1)[0] === name);
  }

  stream(events: string): StoredRecord[] {
    return this.streams.get(events) ?? [];
  }

  meta({ meta }: FeedKeys): Map<string, string> {
    const found = this.metas.get(meta) ?? new Map<string, string>();
    this.metas.set(meta, found);
    return found;
  }

  remove(keys: FeedKeys): void {
    this.streams.delete(keys.events);
    this.snapshots.delete(keys.snapshot);
    this.metas.delete(keys.meta);
  }

  /** Removes the oldest records of the stream, like a full stream. */
  trim(keys: FeedKeys, count: number): void {
    for (const { message } of this.stream(keys.events).splice(0, count)) {
      const [, sequence, , identity] = partsOf(message.head);
      this.meta(keys).set('oldest', `${sequence}.${identity}`);
    }
  }

  publish(channel: string, text: string): void {
    for (const one of [...this.subscribers]) if (one.channel === channel) one.subscriber.onMessage(text);
  }

  async #note(call: string): Promise<void> {
    this.calls.push(call);
    await this.before(call);
  }

  #run(name: string, [events = '', snapshot = '', meta = '']: readonly string[], values: readonly string[]): unknown {
    const keys = { events, snapshot, meta };
    const fields = this.metas.get(meta);
    const head = fields?.get('head') ?? null;
    if (name !== 'write' && values.length !== 1) throw new Error(`${name} has ${values.length} arguments.`);
    switch (name) {
      case 'head':
        return head;
      case 'state':
        return head && ['head', 'cursor', 'observedAt', 'stale', 'note'].map((field) => fields?.get(field) ?? null);
      case 'discard':
        return this.#discard(keys, head, JSON.parse(values[0] ?? ''));
      case 'write':
        return this.#write(keys, head, values);
      default:
        throw new Error(`not a script: ${name}`);
    }
  }

  #discard(keys: Omit<FeedKeys, 'channel' | 'prefix'>, head: string | null, given: Given & Message): void {
    if (head?.split('.')[0] !== given.epoch) return;
    this.remove({ ...keys, channel: given.channel, prefix: '' });
    this.publish(given.channel, given.message);
  }

  #write(
    { events, snapshot, meta }: Omit<FeedKeys, 'channel' | 'prefix'>,
    last: string | null,
    [text = '', data = '', ...rest]: readonly string[],
  ): readonly string[] {
    const given: Given & Message = JSON.parse(text);
    this.given = { ...given, data };
    const fields = this.metas.get(meta) ?? new Map<string, string>();
    const records = this.stream(events);
    if (given.term !== undefined && given.term < Number(fields.get('term') ?? 0)) return ['fenced'];
    if (last !== null && given.begins) return ['conflict'];
    if (last === null && given.expectedCursor !== undefined) return ['lost'];
    const isKnown = given.known === undefined || records.some(({ message }) => message.head === given.known);
    if (last !== null && !isKnown) return ['lost'];
    if (last !== null && given.expectedCursor !== undefined && given.expectedCursor !== fields.get('cursor'))
      return ['conflict'];
    const [epoch = '', before = '0', quiet = '0'] = last === null ? [given.newEpoch] : partsOf(last);
    const sequence = Number(before) + given.entries;
    const id = `${sequence}-${given.entries > 0 ? 0 : Number(quiet) + 1}`;
    const head = `${epoch}.${id}.${given.identity}`;
    const message = { head, after: last ?? '', data: last === null ? '' : data };
    this.streams.set(events, [...records, { id, message }]);
    this.metas.set(meta, fields);
    if (last === null || given.entries > 0) fields.set('cursor', `${epoch}.${sequence}.${given.identity}`);
    if (last === null) fields.set('oldest', `${sequence}.${given.identity}`);
    const entities = this.snapshots.get(snapshot) ?? new Map<string, string>();
    this.snapshots.set(snapshot, entities);
    const pair = () => rest.splice(0, 2) as [string, string]; // Keys and entities take turns.
    const take = rest.splice.bind(rest);
    for (const [one, value] of Array.from({ length: given.adopted }, pair))
      if (!entities.has(one)) entities.set(one, value);
    for (const [one, value] of Array.from({ length: given.set }, pair)) entities.set(one, value);
    for (const one of take(0, given.dropped)) entities.delete(one);
    const stale = new Set<string>(JSON.parse(fields.get('stale') ?? '[]'));
    for (const { subject, on } of given.stale) {
      if (on) stale.add(subject);
      else stale.delete(subject);
    }
    fields
      .set('head', head)
      .set('observedAt', given.observedAt)
      .set('stale', JSON.stringify([...stale]));
    if (given.term !== undefined) fields.set('term', `${given.term}`);
    if (given.note !== undefined) fields.set('note', given.note);
    if (this.publishes) this.publish(given.channel, Object.values(message).join('\n'));
    return ['written', head, message.after, fields.get('cursor') ?? ''];
  }
}

interface Message {
  readonly channel: string;
  readonly message: string;
}

/** Splits a head into epoch, sequence, count and identity. */
const partsOf = (head: string): readonly string[] => /^(.+)\.(\d+)-(\d+)\.(.{8})$/.exec(head)?.slice(1) ?? [];

function compare(id: string, other: string): number {
  const [[a = 0, b = 0], [c = 0, d = 0]] = [id.split('-').map(Number), other.split('-').map(Number)];
  return a - c || b - d;
}

/** One replica of a server, with its own event log for a tenant. */
export class LogReplica {
  readonly clock = new FakeClock();
  readonly heartbeat = new TestHeartbeat();
  readonly logged: (readonly [details: unknown, message: unknown])[] = [];
  readonly keys: FeedKeys;
  readonly log: EventLog<Item>;
  readonly #server: LogServer;

  constructor(
    server: LogServer,
    { keys = feedKeys(tenantOf('prod'), 'items'), ...options }: Partial<RedisEventLogOptions<Item>> = {},
  ) {
    this.#server = server;
    this.keys = keys;
    const { redis } = server;
    const logger = { warn: (details: unknown, message?: unknown) => void this.logged.push([details, message]) };
    this.log = createRedisEventLog<Item>({
      key,
      keys,
      redis: {
        send: redis.send,
        subscribe: (channel, subscriber) => {
          this.subscriber = subscriber;
          return redis.subscribe(channel, subscriber);
        },
      },
      heartbeat: this.heartbeat,
      clock: this.clock,
      logger,
      ...options,
    });
  }

  subscriber: RedisSubscriber | null = null;

  get channels(): readonly string[] {
    return [...this.#server.subscribers]
      .filter(({ subscriber }) => subscriber === this.subscriber)
      .map(({ channel }) => channel);
  }

  /** Follows the log on a channel that Redis has confirmed. */
  async follow(): Promise<void> {
    this.log.watch(() => undefined);
    this.subscriber?.onSubscribed();
    await settle();
  }
}

/** Takes all entries from a tail. */
export function take(tail: LogTail<Item>): readonly LogEntry<Item>[] {
  const found: LogEntry<Item>[] = [];
  for (let entry = tail.read(); entry !== null; entry = tail.read()) found.push(entry);
  return found;
}

/** Lets all work complete that waits neither for a clock nor for the test. */
export async function settle(): Promise<void> {
  for (let time = 0; time < 10; time += 1) await turn();
}
