import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent } from 'undici';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { CallbackMetrics } from './callback-metrics.ts';
import type { CallbackPolicy } from './callback-policy.ts';

/** What became of a callback. After anything but the first there is nobody to be told more. */
export type CallbackOutcome =
  | 'taken'
  /** The router does not know the subscription any more (404). */
  | 'gone'
  /** It was refused, or could not be sent. */
  | 'failed';

/** Sends callbacks to routers. Disposing breaks off those that are under way. */
export interface CallbackClient extends AsyncDisposable {
  /** Never rejects. @param signal gives up between two attempts */
  send(url: URL, body: string, signal: AbortSignal): Promise<CallbackOutcome>;
}

export interface CallbackClientOptions {
  readonly policy: CallbackPolicy;
  readonly clock: Pick<Clock, 'deadline' | 'sleep'>;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  readonly metrics: Pick<CallbackMetrics, 'sent'>;
  /** Numbers from 0 up to 1. @default Math.random */
  readonly random?: () => number;
  /** Finds all addresses of a name. @default that of the machine */
  readonly lookup?: Lookup;
}

export type Lookup = (
  hostname: string,
  options: LookupOptions & { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** How long a router may take to answer a callback, in milliseconds: no longer than a client may be silent. */
const callbackTimeoutMs = 12_000;
/** Time to set up a connection, TLS included, in milliseconds. */
const connectTimeoutMs = 5_000;
/** How often a callback is sent at most. */
const maxAttempts = 4;
/** The longest pause before the second attempt, in milliseconds; it doubles with each further one. */
const firstPauseMs = 250;
/** Callbacks that are under way to one router at a time. The others wait for their turn within their deadline. */
const maxInFlightPerRouter = 64;
/** Routers that there are connections to at a time. */
const maxRouters = 256;
/** Bytes of an answer that are read, so that its connection can be used again. Nothing of it is looked at. */
const maxAnswerBytes = 16 * 1_024;

/** The version of the protocol, as routers and those who call them back name it to each other. */
export const callbackProtocol = { 'subscription-protocol': 'callback/1.0' } as const;

export function createCallbackClient(options: CallbackClientOptions): CallbackClient {
  const { policy, clock, logger, metrics, random = Math.random, lookup = systemLookup } = options;
  let closed = false;
  const agent = new Agent({
    connections: maxInFlightPerRouter,
    maxOrigins: maxRouters,
    connect: { timeout: connectTimeoutMs, lookup: checkedLookup(lookup, policy) },
    // The deadline of the callback holds for all of it.
    headersTimeout: 0,
    bodyTimeout: 0,
  });

  /** @returns null: it may be sent again */
  const sendOnce = async ({ origin, pathname, search }: URL, body: string): Promise<CallbackOutcome | null> => {
    using deadline = clock.deadline(callbackTimeoutMs);
    const { signal } = deadline;
    try {
      const answer = await agent.request({
        origin,
        path: `${pathname}${search}`,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...callbackProtocol },
        body,
        signal,
      });
      // What it answered is known, whatever becomes of the rest.
      await answer.body.dump({ limit: maxAnswerBytes, signal }).catch(() => {});
      return outcomeOf(answer.statusCode);
    } catch (error) {
      if (error instanceof AddressRefusedError) {
        logger.warn({ err: error }, 'a callback was not sent');
        return 'failed';
      }
      logger.debug({ err: error, router: origin }, 'a callback was not answered');
      // After a silence it may still be taken at some time, and must not come after what follows.
      return signal.aborted || closed ? 'failed' : null;
    }
  };

  const sendAgain: CallbackClient['send'] = async (url, body, signal) => {
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await sendOnce(url, body);
      if (outcome !== null) return outcome;
      if (attempt === maxAttempts) return 'failed';
      try {
        const pauseMs = random() * firstPauseMs * 2 ** (attempt - 1);
        await clock.sleep(pauseMs, signal);
      } catch {
        return 'failed';
      }
      metrics.sent({ outcome: 'retried' });
    }
  };

  return {
    send: async (...callback) => {
      const outcome = await sendAgain(...callback);
      metrics.sent({ outcome });
      return outcome;
    },
    [Symbol.asyncDispose]: async () => {
      closed = true;
      await agent.destroy();
    },
  };
}

/** @returns null: it may be sent again */
function outcomeOf(status: number): CallbackOutcome | null {
  if (status >= 200 && status < 300) return 'taken';
  if (status === 404) return 'gone';
  return status === 429 || status >= 500 ? null : 'failed';
}

/** Thrown where a name of the list has addresses of the inner network alone that are not named. */
class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError';
}

/**
 * Looks up a name for the connection that is then made to what was found, and to nothing else: whoever answers for the
 * name cannot say one thing to the check and another to the connection.
 */
const checkedLookup =
  (lookup: Lookup, policy: CallbackPolicy): LookupFunction =>
  (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const allowed = addresses?.filter(({ address }) => policy.allowsAddress(hostname, address)) ?? [];
      const [first] = allowed;
      if (error !== null) callback(error, []);
      else if (first === undefined) {
        callback(
          new AddressRefusedError(`No address of ${hostname} is public or in SUBSCRIPTION_CALLBACK_NETWORKS.`),
          [],
        );
      } else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
