import { FairSlots } from '../../../runtime/fair-slots.ts';
import { type CallbackClientOptions, callbackTimeoutMs, createCallbackClient, tooManyCallbacks } from './client.ts';
import type { CallbackSubscriber } from './delivery.ts';
import { check } from './delivery.ts';

/** The checks by which routers confirm new subscriptions. */
export interface Confirmations extends AsyncDisposable {
  /**
   * Sends a check, when the caller has a slot. After an abort, nothing of it is left.
   * @returns whether the router confirms that the subscription is its own
   * @throws {RateLimitedError} the caller had to wait too long, or too many confirmations wait for it
   * @throws the reason of `signal`, when it aborts
   */
  confirm(subscriber: CallbackSubscriber, signal: AbortSignal): Promise<boolean>;
}

/** Maximum numbers of confirmations in flight: of all callers, of one organization and of one caller. */
const maxInFlight = 64;
const maxInFlightPerOrganization = 32;
const maxInFlightPerPrincipal = 8;
/** Maximum number of confirmations that have the slot of their caller and may wait for a slot of the organization. */
const maxAdmitted = 10_000;
/** Maximum number of waiting confirmations of one organization or caller: its default number of subscriptions. */
const maxWaiting = 1_000;

/**
 * Confirmations go to unconfirmed URLs that callers name. They have separate connections, so that hosts that do not
 * respond delay neither running subscriptions nor the confirmations of other callers.
 */
export function createConfirmations(options: Omit<CallbackClientOptions, 'maxInFlightPerRouter'>): Confirmations {
  const { clock } = options;
  const client = createCallbackClient({ ...options, maxInFlightPerRouter: maxInFlight });
  const waiting = { waitingPerOwner: maxWaiting, maxWaitMs: callbackTimeoutMs, clock, tooBusy: tooManyCallbacks };
  const principals = new FairSlots({ total: maxAdmitted, perOwner: maxInFlightPerPrincipal, ...waiting });
  const organizations = new FairSlots({ total: maxInFlight, perOwner: maxInFlightPerOrganization, ...waiting });
  return {
    confirm: async ({ organization, principal, target, log }, signal) => {
      using _principal = await principals.take(principal, signal);
      using _organization = await organizations.take(organization, signal);
      using router = client.connect({ url: target.url, id: target.id, log });
      using deadline = clock.deadline(callbackTimeoutMs);
      const ended = AbortSignal.any([signal, deadline.signal]);
      const outcome = await check(router, target, { attempts: ended, request: ended });
      signal.throwIfAborted();
      return outcome === 'taken';
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}
