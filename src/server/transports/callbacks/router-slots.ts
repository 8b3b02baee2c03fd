import type { Clock } from '../../../runtime/clock.ts';
import { type CallbackClient, callbackTimeoutMs, type RouterConnection } from './client.ts';
import type { CallbackSubscriber } from './delivery.ts';
import { FairSlots } from './fair-slots.ts';

/** Maximum number of routers with running subscriptions. Each router may use 64 connections. */
const maxRouters = 256;
const maxRoutersPerOrganization = 128;
/** Maximum number of subscriptions of one organization that wait for a place of a new router. */
const maxWaiting = 1_000;

export interface RouterPlacesOptions {
  readonly client: CallbackClient;
  readonly clock: Pick<Clock, 'deadline'>;
  /** Routers of one organization that may have running subscriptions. @default 128 */
  readonly maxPerOrganization?: number | undefined;
}

interface Place {
  readonly slot: Disposable;
  subscriptions: number;
}

/**
 * Places for routers that have confirmed a subscription. A router keeps its place while it has a subscription. New
 * routers wait, so that they never end running subscriptions.
 */
export class RouterPlaces {
  readonly #client: CallbackClient;
  readonly #slots: FairSlots;
  readonly #places = new Map<string, Place>();

  constructor({ client, clock, maxPerOrganization = maxRoutersPerOrganization }: RouterPlacesOptions) {
    this.#client = client;
    this.#slots = new FairSlots({
      total: maxRouters,
      perOwner: maxPerOrganization,
      waitingPerOwner: maxWaiting,
      maxWaitMs: callbackTimeoutMs,
      clock,
    });
  }

  /**
   * Opens the connections to a subscription's router, in the router's place or in a new place.
   * @throws {RateLimitedError} no place was free in time, or too many subscriptions of the organization are waiting
   * @throws the reason of `signal`, when it aborts before a place is free
   */
  async take({ organization, target }: CallbackSubscriber, signal: AbortSignal): Promise<RouterConnection> {
    const { origin } = target.url;
    const place = this.#places.get(origin) ?? (await this.#newPlace(origin, organization, signal));
    place.subscriptions += 1;
    const connection = this.#client.connect(target.url);
    return {
      send: connection.send,
      [Symbol.dispose]: () => {
        connection[Symbol.dispose]();
        place.subscriptions -= 1;
        if (place.subscriptions > 0) return;
        this.#places.delete(origin);
        place.slot[Symbol.dispose]();
      },
    };
  }

  async #newPlace(origin: string, organization: string, signal: AbortSignal): Promise<Place> {
    const slot = await this.#slots.take(organization, signal);
    const taken = this.#places.get(origin);
    if (taken !== undefined) {
      // Another subscription of this router came first.
      slot[Symbol.dispose]();
      return taken;
    }
    const place = { slot, subscriptions: 0 };
    this.#places.set(origin, place);
    return place;
  }
}
