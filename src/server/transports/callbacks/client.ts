import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { RateLimitedError } from '../../../errors.ts';
import type { CallbackMetrics } from '../../../metrics/callbacks.ts';
import { jitteredBackoffMs } from '../../../runtime/backoff.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { RequestLog } from '../../../runtime/request-log.ts';
import type { CallbackPolicy } from './policy.ts';
import { type PoolUse, RouterPools } from './router-pools.ts';
import type { CallbackOutcome } from './types.ts';

/** Sends callbacks to routers. Disposing cancels callbacks in flight. */
export interface CallbackClient extends AsyncDisposable {
  /** Opens the connections to the router of a subscription. The connections close when the last use of them ends. */
  connect(destination: CallbackDestination): RouterConnection;
}

/** The receiver of the callbacks of one subscription. */
export interface CallbackDestination {
  readonly url: URL;
  /** Id of the subscription, which the router has chosen. It is in the log lines. */
  readonly id: string;
  /** Log of the request that began the subscription. */
  readonly log: RequestLog;
}

/** The connections to one callback URL, until it is disposed. */
export interface RouterConnection extends Disposable {
  /** Never rejects. */
  send(body: string, signals: SendSignals): Promise<CallbackOutcome>;
}

export interface SendSignals {
  /** Ends the attempts. The request in flight is still awaited, because the router may have processed it. */
  readonly attempts: AbortSignal;
  /** Also cancels the request in flight. */
  readonly request?: AbortSignal;
}

export interface CallbackClientOptions {
  readonly policy: Pick<CallbackPolicy, 'allowsAddress'>;
  readonly clock: Pick<Clock, 'deadline' | 'sleep'>;
  readonly metrics: Pick<CallbackMetrics, 'sent'>;
  /** Maximum number of callbacks in flight to one router. Further callbacks wait within their deadline. */
  readonly maxInFlightPerRouter: number;
  /** Numbers from 0 up to 1. @default Math.random */
  readonly random?: () => number;
  /** Finds all addresses of a name. @default the resolver of the operating system */
  readonly lookup?: Lookup;
}

export type Lookup = (
  hostname: string,
  options: LookupOptions & { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** Time for the router's response to a callback, in milliseconds. It is no longer than a client may be silent. */
export const callbackTimeoutMs = 12_000;

/** The error of a subscriber whose callbacks find no slot. */
export const tooManyCallbacks = () =>
  new RateLimitedError({ message: 'Too many requests are waiting for routers to respond to callbacks.' });

/** Time to set up a connection, TLS included, in milliseconds. */
const connectTimeoutMs = 5_000;
/** Maximum number of attempts to send one callback. */
const maxAttempts = 4;
/** Pauses between the attempts, before jitter. */
const backoff = { firstMs: 250, maxMs: 1_000 };
/** Maximum number of bytes of a response that are read and discarded, so that its connection can be reused. */
const maxResponseBytes = 16 * 1_024;

/** The header that names the version of the protocol, in both directions. */
export const callbackProtocol = { 'subscription-protocol': 'callback/1.0' } as const;

export function createCallbackClient(options: CallbackClientOptions): CallbackClient {
  const { policy, clock, metrics, random = Math.random, lookup = systemLookup } = options;
  let closed = false;
  const pools = new RouterPools({
    connections: options.maxInFlightPerRouter,
    connect: { timeout: connectTimeoutMs, lookup: checkedLookup(lookup, policy) },
  });

  /** @returns null if the callback may be sent again */
  const sendOnce = async (
    { dispatcher }: PoolUse,
    { url, id, log }: CallbackDestination,
    body: string,
    brokenOff: AbortSignal | undefined,
  ): Promise<CallbackOutcome | null> => {
    using deadline = clock.deadline(callbackTimeoutMs);
    const signal = brokenOff === undefined ? deadline.signal : AbortSignal.any([deadline.signal, brokenOff]);
    try {
      const response = await dispatcher.request({
        path: `${url.pathname}${url.search}`,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...callbackProtocol },
        body,
        signal,
      });
      // The status decides, even if the rest of the response is long, slow or broken.
      await response.body.dump({ limit: maxResponseBytes, signal }).catch(() => {});
      return outcomeOf(response.statusCode);
    } catch (error) {
      if (error instanceof AddressNotAllowedError) {
        log.logger.warn({ err: error, callbackId: id }, 'could not send a callback');
        return 'failed';
      }
      log.logger.debug({ err: error, callbackId: id, router: url.origin }, 'a router did not respond to a callback');
      // The router may still process a timed-out callback later, so that it is not repeated: events could arrive out of
      // order.
      return signal.aborted || closed ? 'failed' : null;
    }
  };

  const sendAgain = async (
    use: PoolUse,
    destination: CallbackDestination,
    body: string,
    signals: SendSignals,
  ): Promise<CallbackOutcome> => {
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await sendOnce(use, destination, body, signals.request);
      if (outcome !== null) return outcome;
      if (attempt === maxAttempts) return 'failed';
      try {
        await clock.sleep(jitteredBackoffMs(backoff, attempt, random), signals.attempts);
      } catch {
        return 'failed';
      }
      metrics.sent({ outcome: 'retried' });
    }
  };

  return {
    connect: (destination) => {
      const use = pools.use(destination.url.origin);
      return {
        send: async (body, signals) => {
          const outcome = await sendAgain(use, destination, body, signals);
          metrics.sent({ outcome });
          return outcome;
        },
        [Symbol.dispose]: () => use[Symbol.dispose](),
      };
    },
    [Symbol.asyncDispose]: async () => {
      closed = true;
      await pools[Symbol.asyncDispose]();
    },
  };
}

/** @returns null if the callback may be sent again */
function outcomeOf(status: number): CallbackOutcome | null {
  if (status >= 200 && status < 300) return 'taken';
  if (status === 404) return 'gone';
  return status === 429 || status >= 500 ? null : 'failed';
}

/** Thrown when a name has only private addresses outside of SUBSCRIPTION_CALLBACK_NETWORKS. */
class AddressNotAllowedError extends Error {
  override readonly name = 'AddressNotAllowedError';
}

/**
 * Looks up a name for a connection, which is then made to one of the checked addresses. A second lookup could return
 * another address than the checked one.
 */
const checkedLookup =
  (lookup: Lookup, policy: Pick<CallbackPolicy, 'allowsAddress'>): LookupFunction =>
  (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const allowed = addresses?.filter(({ address }) => policy.allowsAddress(hostname, address)) ?? [];
      const [first] = allowed;
      if (error !== null) callback(error, []);
      else if (first === undefined) {
        callback(
          new AddressNotAllowedError(`No address of ${hostname} is public or in SUBSCRIPTION_CALLBACK_NETWORKS.`),
          [],
        );
      } else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
