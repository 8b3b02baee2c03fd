import type { Clock } from './clock.ts';
import { RedisConnection, type RedisConnectionOptions } from './redis-connection.ts';

/** A subscriber of a channel. Its methods must not throw. */
export interface RedisSubscriber {
  onMessage(text: string): void;
  /**
   * Called when the channel is subscribed to, for the first time or again after `onLost`. Messages that were published
   * before may be lost. The first message may arrive just before this call.
   */
  onSubscribed(): void;
  /** Called when the connection is lost. It is re-established, and the channel is subscribed to again. */
  onLost(): void;
}

interface Member {
  readonly subscriber: RedisSubscriber;
  /** Whether `onSubscribed` was called without an `onLost` since. */
  isSubscribed: boolean;
}

interface Channel {
  readonly members: Set<Member>;
  /** Whether Redis has confirmed the subscription on the current connection. */
  confirmed: boolean;
}

export interface RedisSubscriptionsOptions
  extends Omit<RedisConnectionOptions, 'purpose' | 'onReady' | 'onLost' | 'clock'> {
  readonly clock: Pick<Clock, 'sleep'>;
}

/** Pause after Redis has rejected a subscription, in milliseconds. */
const rejectionPauseMs = 1_000;

/** The channels that this process subscribes to, over a separate connection. */
export class RedisSubscriptions {
  readonly #options: RedisSubscriptionsOptions;
  readonly #connection: RedisConnection;
  readonly #channels = new Map<string, Channel>();
  /**
   * Channels to which the client resubscribes by itself when it reconnects. It includes channels that no longer have a
   * subscriber.
   */
  readonly #held = new Set<string>();
  readonly #closed = new AbortController();
  #isReconciling = false;

  constructor(options: RedisSubscriptionsOptions) {
    this.#options = options;
    this.#connection = new RedisConnection({
      ...options,
      purpose: 'subscriptions',
      onReady: () => void this.#reconcile(),
      onLost: () => this.#lose(),
    });
  }

  get isReady(): boolean {
    return this.#connection.isReady;
  }

  subscribe(name: string, subscriber: RedisSubscriber): Disposable {
    const channel = this.#channels.get(name) ?? { members: new Set(), confirmed: false };
    this.#channels.set(name, channel);
    const member: Member = { subscriber, isSubscribed: false };
    channel.members.add(member);
    queueMicrotask(() => {
      if (channel.confirmed) confirm(channel);
      else void this.#reconcile();
    });
    return {
      [Symbol.dispose]: () => {
        channel.members.delete(member);
        if (channel.members.size > 0 || this.#channels.get(name) !== channel) return;
        this.#channels.delete(name);
        queueMicrotask(() => void this.#reconcile());
      },
    };
  }

  restart(options: Parameters<RedisConnection['restart']>[0]): void {
    this.#connection.restart(options);
  }

  close(): void {
    this.#closed.abort();
    this.#connection.close();
  }

  readonly #onMessage = (text: string, name: string): void => {
    for (const { subscriber } of this.#channels.get(name)?.members ?? []) subscriber.onMessage(text);
  };

  #lose(): void {
    for (const channel of this.#channels.values()) {
      channel.confirmed = false;
      for (const member of channel.members) {
        if (!member.isSubscribed) continue;
        member.isSubscribed = false;
        member.subscriber.onLost();
      }
    }
  }

  /**
   * Subscribes and unsubscribes until Redis has exactly the channels of the subscribers. One command covers many
   * channels.
   */
  async #reconcile(): Promise<void> {
    if (this.#isReconciling) return;
    this.#isReconciling = true;
    const { clock, onRejected } = this.#options;
    const { signal } = this.#closed;
    while (this.#connection.isReady && !signal.aborted) {
      const unneeded = [...this.#held].filter((name) => !this.#channels.has(name));
      const missing = [...this.#channels].filter(([, { confirmed }]) => !confirmed).map(([name]) => name);
      if (unneeded.length + missing.length === 0) break;
      try {
        await this.#unsubscribe(unneeded);
        await this.#subscribe(missing);
      } catch (error) {
        // A lost connection is reported elsewhere, and reconciliation restarts when it is back.
        if (!this.#connection.isReady) break;
        onRejected(error);
        await clock.sleep(rejectionPauseMs, signal).catch(() => undefined);
      }
    }
    this.#isReconciling = false;
  }

  async #unsubscribe(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    await this.#connection.client.unsubscribe([...names], this.#onMessage);
    for (const name of names) this.#held.delete(name);
  }

  async #subscribe(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    // For channels to which the client has resubscribed by itself, this sends no command.
    await this.#connection.client.subscribe([...names], this.#onMessage);
    for (const name of names) {
      this.#held.add(name);
      const channel = this.#channels.get(name);
      if (channel === undefined) continue;
      channel.confirmed = true;
      confirm(channel);
    }
  }
}

function confirm({ members }: Channel): void {
  for (const member of members) {
    if (member.isSubscribed) continue;
    member.isSubscribed = true;
    member.subscriber.onSubscribed();
  }
}
