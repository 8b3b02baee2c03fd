import type { Clock } from '../../../runtime/clock.ts';
import { FairSlots } from '../../../runtime/fair-slots.ts';
import { type CallbackClient, callbackTimeoutMs, type RouterConnection, tooManyCallbacks } from './client.ts';
import type { CallbackSubscriber } from './delivery.ts';

/** Maximum number of routers with running subscriptions. Each router may use 64 connections. */
const maxRouters = 256;
const maxRoutersPerOrganization = 128;
/** Maximum number of subscriptions of one organization that wait for a slot for their router. */
const maxWaiting = 1_000;

export interface RouterSlotsOptions {
  readonly client: CallbackClient;
  readonly clock: Pick<Clock, 'deadline'>;
  /** Routers of one organization that may have running subscriptions. @default 128 */
  readonly maxPerOrganization?: number | undefined;
}

interface RouterSlot {
  readonly slot: Disposable;
  subscriptions: number;
}

/**
 * Slots of routers that have confirmed a subscription. A router keeps its slot while it has a subscription. New
 * routers wait, so that they never end running subscriptions.
 */
export class RouterSlots {
  readonly #client: CallbackClient;
  readonly #available: FairSlots;
  readonly #slots = new Map<string, RouterSlot>();

  constructor({ client, clock, maxPerOrganization = maxRoutersPerOrganization }: RouterSlotsOptions) {
    this.#client = client;
    this.#available = new FairSlots({
      total: maxRouters,
      perOwner: maxPerOrganization,
      waitingPerOwner: maxWaiting,
      maxWaitMs: callbackTimeoutMs,
      clock,
      tooBusy: tooManyCallbacks,
    });
  }

  /**
   * Opens the connections to a subscription's router, in the router's slot or in a new slot.
   * @throws {RateLimitedError} no slot was free in time, or too many subscriptions of the organization are waiting
   * @throws the reason of `signal`, when it aborts before a slot is free
   */
  async take({ organization, target, log }: CallbackSubscriber, signal: AbortSignal): Promise<RouterConnection> {
    const { origin } = target.url;
    const router = this.#slots.get(origin) ?? (await this.#newSlot(origin, organization, signal));
    router.subscriptions += 1;
    const connection = this.#client.connect({ url: target.url, id: target.id, log });
    return {
      send: connection.send,
      [Symbol.dispose]: () => {
        connection[Symbol.dispose]();
        router.subscriptions -= 1;
        if (router.subscriptions > 0) return;
        this.#slots.delete(origin);
        router.slot[Symbol.dispose]();
      },
    };
  }

  async #newSlot(origin: string, organization: string, signal: AbortSignal): Promise<RouterSlot> {
    const slot = await this.#available.take(organization, signal);
    const taken = this.#slots.get(origin);
    if (taken !== undefined) {
      // Another subscription of this router came first.
      slot[Symbol.dispose]();
      return taken;
    }
    const router = { slot, subscriptions: 0 };
    this.#slots.set(origin, router);
    return router;
  }
}
