import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import type { Redis } from './redis.ts';
import { untilAborted } from './until-aborted.ts';

export interface StreamRecord {
  readonly id: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** Somebody who follows one stream. None of its methods may throw or wait. */
export interface StreamFollower {
  /** Id of the record after which it wants to go on; null while it does not know. */
  position(): string | null;
  /** The next records, in order, at least one. */
  take(records: readonly StreamRecord[]): void;
  /** Called when reading begins, and begins again after the connection was lost. */
  connected(): void;
  /** The connection is lost; it will be made again. */
  disconnected(): void;
}

/** Reads any number of streams with one call that waits on the server, over a connection of its own. */
export interface RedisStreamReader extends AsyncDisposable {
  follow(key: string, follower: StreamFollower): Disposable;
  /** A follower has another position than before: read from there. */
  moved(): void;
}

export interface RedisStreamReaderOptions {
  readonly redis: Pick<Redis, 'blocking' | 'send'>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Pick<Logger, 'warn'>;
}

/** Compares ids as Redis orders them: `milliseconds-sequence`, by number. */
export function compareRecordIds(a: string, b: string): number {
  const [[aFirst, aSecond], [bFirst, bSecond]] = [recordIdParts(a), recordIdParts(b)];
  return aFirst - bFirst || aSecond - bSecond;
}

function recordIdParts(id: string): readonly [number, number] {
  const [first = '', second = '0'] = id.split('-');
  return [Number(first), Number(second)];
}

/**
 * How long one call waits on the server, in milliseconds. What changes meanwhile ends it early (`CLIENT UNBLOCK`), so it
 * bounds only how long a call can go on that this did not reach. Shorter than what a silent connection is allowed.
 */
const blockMs = 1_000;
/** Records of one stream that one call brings at most, so that no answer is beyond measure. */
const maxRecordsPerCall = 200;

/** Pause after something other than a lost connection kept it from reading, in milliseconds. */
const failurePauseMs = 1_000;

/** Begins to read as soon as something is followed. */
export function createRedisStreamReader(options: RedisStreamReaderOptions): RedisStreamReader {
  return new StreamReader(options);
}

class StreamReader implements RedisStreamReader {
  readonly #redis: RedisStreamReaderOptions['redis'];
  readonly #clock: RedisStreamReaderOptions['clock'];
  readonly #logger: RedisStreamReaderOptions['logger'];
  readonly #followers = new Map<string, Set<StreamFollower>>();
  readonly #closed = new AbortController();
  #running: Promise<void> | null = null;
  #connectionId: number | null = null;
  /** Counts what the call that waits may not know of. */
  #changes = 0;
  /** The value of `#changes` that the call under way knows; null when there is none. */
  #waitsWith: number | null = null;
  #wake: (() => void) | null = null;

  constructor({ redis, clock, logger }: RedisStreamReaderOptions) {
    this.#redis = redis;
    this.#clock = clock;
    this.#logger = logger;
  }

  follow(key: string, follower: StreamFollower): Disposable {
    const followers = this.#followers.get(key) ?? new Set();
    this.#followers.set(key, followers.add(follower));
    this.#running ??= this.#run();
    if (this.#connectionId !== null) follower.connected();
    this.moved();
    return {
      [Symbol.dispose]: () => {
        followers.delete(follower);
        if (followers.size === 0 && this.#followers.get(key) === followers) this.#followers.delete(key);
      },
    };
  }

  moved(): void {
    this.#changes += 1;
    this.#wake?.();
    if (this.#waitsWith !== null && this.#connectionId !== null) void this.#unblock(this.#connectionId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    this.moved();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed;
    const { blocking } = this.#redis;
    while (!signal.aborted) {
      try {
        await blocking.ready(signal);
        const { socketEpoch } = blocking.client;
        this.#connectionId = await untilAborted(blocking.client.clientId(), signal);
        for (const follower of this.#everybody()) follower.connected();
        while (!signal.aborted && blocking.client.socketEpoch === socketEpoch) await this.#read();
      } catch (err) {
        if (!signal.aborted) await this.#failed(err);
      } finally {
        this.#connectionId = null;
      }
    }
  }

  async #failed(err: unknown): Promise<void> {
    if (this.#connectionId !== null) for (const follower of this.#everybody()) follower.disconnected();
    // The client tells itself of a lost connection. While it stands, something else is wrong.
    if (!this.#redis.blocking.client.isReady) return;
    this.#logger.warn({ err }, 'streams not read');
    await this.#clock.sleep(failurePauseMs, this.#closed.signal).catch(() => undefined);
  }

  async #read(): Promise<void> {
    const known = this.#changes;
    const streams = this.#positions();
    if (streams.length === 0) {
      await this.#change(known);
      return;
    }
    this.#waitsWith = known;
    try {
      const options = { BLOCK: blockMs, COUNT: maxRecordsPerCall };
      const call = this.#redis.blocking.client.xRead(streams, options);
      const replies = (await untilAborted(call, this.#closed.signal)) ?? [];
      for (const { name, messages } of replies) {
        const asked = streams.find(({ key }) => key === name)?.id ?? '';
        this.#hand(name, asked, messages);
      }
    } finally {
      this.#waitsWith = null;
    }
  }

  #hand(
    key: string,
    asked: string,
    messages: readonly { readonly id: string; readonly message: StreamRecord['fields'] }[],
  ) {
    for (const follower of this.#followers.get(key) ?? []) {
      const position = follower.position();
      // One that has moved back meanwhile did not ask for these.
      if (position === null || compareRecordIds(position, asked) < 0) continue;
      const records = messages.filter(({ id }) => compareRecordIds(id, position) > 0);
      if (records.length > 0) follower.take(records.map(({ id, message }) => ({ id, fields: message })));
    }
  }

  /** Each stream once, from where the follower that is furthest behind wants to go on. */
  #positions(): { readonly key: string; readonly id: string }[] {
    return [...this.#followers].flatMap(([key, followers]) => {
      const positions = [...followers].map((follower) => follower.position()).filter((one) => one !== null);
      const [id] = positions.toSorted(compareRecordIds);
      return id === undefined ? [] : [{ key, id }];
    });
  }

  #everybody(): readonly StreamFollower[] {
    return [...this.#followers.values()].flatMap((followers) => [...followers]);
  }

  /** Resolves when something has changed since. */
  async #change(known: number): Promise<void> {
    if (this.#changes !== known) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = null;
  }

  /** Ends the call that waits. It may be on its way to the server still, and then has to be ended once it is there. */
  async #unblock(connectionId: number): Promise<void> {
    const outdated = this.#waitsWith;
    try {
      while (outdated !== null && this.#waitsWith === outdated) {
        const unblocked = await this.#redis.send((client) => client.clientUnblock(connectionId));
        if (unblocked === 1) return;
      }
    } catch (err) {
      // Without it the call ends a little later by itself.
      if (this.#redis.blocking.client.isReady) this.#logger.warn({ err }, 'waiting call not ended');
    }
  }
}
