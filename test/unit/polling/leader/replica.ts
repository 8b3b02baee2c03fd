import { parseTenant, type Tenant } from '../../../../src/domain/tenant.ts';
import type { LeaderElection } from '../../../../src/polling/leader/election.ts';
import { createRedisElections } from '../../../../src/polling/leader/redis.ts';
import {
  type Redis,
  type RedisClient,
  type RedisSubscriber,
  RedisUnavailableError,
} from '../../../../src/runtime/redis.ts';
import type { HeartbeatListener } from '../../../../src/runtime/redis-heartbeat.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { settle } from '../fake-platform.ts';

export interface Step {
  readonly channel: string;
  readonly name: string;
  readonly values: readonly string[];
}

export function tenant(org = '0'): Tenant {
  const parsed = parseTenant(`${org.repeat(24)}@AdobeOrg`, 'prod');
  if (parsed === null) throw new Error('not a tenant');
  return parsed;
}

/** Number of values that follow the name of each step, before lists. */
const lengths: Readonly<Record<string, number>> = { acquire: 2, release: 1, look: 1, publish: 1 };

/** The leader elections of one replica, with a server and a heartbeat that the test controls. */
export class Replica {
  readonly clock = new FakeClock();
  readonly steps: Step[] = [];
  calls = 0;
  /** The holder and the fields of other candidates, as the server reports them. */
  readonly server = { fails: false, holder: '', term: 0, fields: [] as string[] };
  /** Called before each call. Its error is the reply. */
  before: () => Promise<void> | void = () => undefined;
  /** Replaces the reply to a step; undefined: the server replies. */
  reply: (name: string) => unknown = () => undefined;
  readonly subscribers = new Map<string, RedisSubscriber>();
  readonly kept: (readonly string[])[] = [];
  readonly logged: (readonly [level: string, message: unknown, details: unknown])[] = [];
  readonly heartbeat = {
    replicaId: 'me',
    replicas: new Set(['me']) as ReadonlySet<string> | null,
    listen: (listener: HeartbeatListener) => {
      this.#listeners.add(listener);
      return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
    },
    keepAlive: (keys: readonly string[]) => {
      this.kept.push(keys);
      return { [Symbol.dispose]: () => this.kept.splice(this.kept.indexOf(keys), 1) };
    },
  };
  readonly elections;
  readonly #listeners = new Set<HeartbeatListener>();

  constructor() {
    // The elections call no other method of a client.
    const client = {
      evalSha: async (_: string, options: { keys: string[]; arguments: string[] }) => this.#run(options),
    } as unknown as RedisClient;
    const redis: Pick<Redis, 'send' | 'subscribe'> = {
      send: async (commands) => {
        this.calls += 1;
        await this.before();
        if (this.server.fails) throw new RedisUnavailableError('Redis is unavailable.');
        return await commands(client);
      },
      subscribe: (channel, subscriber) => {
        this.subscribers.set(channel, subscriber);
        return { [Symbol.dispose]: () => this.subscribers.delete(channel) };
      },
    };
    const note = (level: string) => (details: unknown, message?: string) =>
      void this.logged.push([level, message, details]);
    const logger = { debug: note('debug'), warn: note('warn') };
    this.elections = createRedisElections({ redis, heartbeat: this.heartbeat, clock: this.clock, logger });
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** Joins a feed, and records the calls of its listener. */
  async join(org = '0', kind = 'export-jobs') {
    const notified: string[] = [];
    const errors: unknown[] = [];
    const before = new Set(this.subscribers.keys());
    const election = this.elections.join(
      { tenant: tenant(org), kind },
      {
        received: (message) => notified.push(message.kind),
        termChanged: (holder) => notified.push(holder),
        unreachable: (error) => errors.push(error),
      },
    );
    const [channel = ''] = [...this.subscribers.keys()].filter((each) => !before.has(each));
    await settle();
    return { election, notified, errors, channel };
  }

  async subscribed(channel: string): Promise<void> {
    this.subscribers.get(channel)?.onSubscribed();
    await settle();
  }

  async say(channel: string, text: unknown): Promise<void> {
    this.subscribers.get(channel)?.onMessage(typeof text === 'string' ? text : JSON.stringify(text));
    await settle();
  }

  async beat(event: keyof HeartbeatListener = 'succeeded', error: unknown = null): Promise<void> {
    for (const listener of this.#listeners) listener[event]?.(error);
    await settle();
  }

  named(name: string): readonly Step[] {
    return this.steps.filter((step) => step.name === name);
  }

  /** Elects a candidate of a feed without a holder. */
  async elect(election: LeaderElection) {
    const controller = new AbortController();
    const lease = election.acquireLease(controller.signal);
    for (let time = 0; time < 5; time += 1) {
      await this.clock.advanceBy(1_000);
      await settle();
    }
    return await lease;
  }

  #run({ keys, arguments: values }: { readonly keys: string[]; readonly arguments: string[] }): readonly unknown[] {
    const rest = [...values];
    return Array.from({ length: (keys.length - 1) / 2 }, () => {
      const [channel = '', name = ''] = rest.splice(0, 2);
      const given = rest.splice(0, lengths[name] ?? 3);
      if (name === 'publishScope') {
        for (let list = 0; list < 2; list += 1) {
          const [count = '0'] = rest.splice(0, 1);
          given.push(count, ...rest.splice(0, Number(count)));
        }
        given.push(...rest.splice(0, 1));
      }
      this.steps.push({ channel, name, values: given });
      return this.reply(name) ?? this.#reply(name, given);
    });
  }

  #reply(name: string, [election = '']: readonly string[]): unknown {
    switch (name) {
      case 'acquire':
        if (this.server.holder !== '' && this.server.holder !== election)
          return [0, this.server.holder, this.server.term];
        this.server.holder = election;
        this.server.term += 1;
        return [1, election, this.server.term];
      case 'release':
        this.server.holder = '';
        return 1;
      case 'look':
        return [this.server.holder, this.server.term, this.server.fields];
      default:
        return 1;
    }
  }
}
