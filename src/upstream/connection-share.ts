import { RateLimitedError, UpstreamTimeoutError } from '../errors.ts';
import { Counts } from '../runtime/counts.ts';
import { FairQueue } from '../runtime/fair-queue.ts';
import type { AcceptedCredentials } from './accepted-credentials.ts';
import type { CallLayer, UpstreamRequest } from './call.ts';
import { unanswered } from './errors.ts';

/** Calls in flight, each of which holds one connection. */
export interface ConnectionLimits {
  readonly total: number;
  readonly perOrganization: number;
  /** Of one sandbox. */
  readonly perTenant: number;
  /** Of one caller's credential in one sandbox. The gateway's own credential serves all callers of its tenant. */
  readonly perCredential: number;
  /** Of all credentials together that the platform has not accepted yet, because callers can invent organizations. */
  readonly unproven: number;
}

/** Calls that wait for a connection at most, over all tenants. */
const maxWaiting = 20_000;
/** `retryAfterMs` of a rejected call. */
const retryAfterMs = 1_000;

/** The limits that one call counts against. */
interface Claim {
  readonly keys: readonly (readonly [key: string, limit: number])[];
  readonly org: string;
  readonly member: string;
}

interface Waiting {
  readonly claim: Claim;
  go(): void;
}

/** The calls in flight, and those that wait for a connection. */
export interface ConnectionShare {
  /** Lets calls wait until they fit within the limits. */
  readonly layer: CallLayer;
  /** Limits that calls in flight count against, and organizations whose calls wait. */
  readonly size: { readonly counted: number; readonly organizations: number };
}

/**
 * Bounds the calls in flight of each organization, sandbox and credential, so that calls that hang hold a part of the
 * connections and never all of them. Calls above a limit wait; organizations are served in turn, and so are the
 * credentials of each. Waiting ends with the signal of the call, at its deadline the call fails with a RateLimitedError,
 * because the service has not been called and its circuit must not count a failure.
 */
export function createConnectionShare(limits: ConnectionLimits, accepted: AcceptedCredentials): ConnectionShare {
  const inFlight = new Counts();
  const queues = new Map<string, FairQueue<Waiting>>();
  let waiting = 0;

  const fits = ({ keys }: Claim): boolean => keys.every(([key, limit]) => inFlight.of(key) < limit);
  const take = ({ keys }: Claim): void => {
    for (const [key] of keys) inFlight.add(key, 1);
  };
  const release = ({ keys }: Claim): void => {
    for (const [key] of keys) inFlight.add(key, -1);
    serve();
  };

  const claimOf = ({ caller }: UpstreamRequest): Claim => {
    const { org, sandbox } = caller.tenant;
    const { fingerprint, owner } = caller.credential;
    const member = JSON.stringify([sandbox, fingerprint]);
    const own: Claim['keys'] = owner === 'gateway' ? [] : [[JSON.stringify([org, member]), limits.perCredential]];
    const unproven: Claim['keys'] = accepted.has(caller) ? [] : [['unproven', limits.unproven]];
    const keys = [
      ['total', limits.total],
      [JSON.stringify([org]), limits.perOrganization],
      [JSON.stringify([org, sandbox]), limits.perTenant],
      ...own,
      ...unproven,
    ] as const;
    return { keys, org, member };
  };

  const leave = (entry: Waiting): void => {
    const queue = queues.get(entry.claim.org);
    if (queue?.delete(entry.claim.member, entry) !== true) return;
    waiting -= 1;
    if (queue.size === 0) queues.delete(entry.claim.org);
  };

  /** Lets waiting calls go while there is room for any. */
  const serve = (): void => {
    for (let found = true; found; ) {
      found = false;
      for (const [org, queue] of queues) {
        const entry = queue.take((next) => fits(next.claim));
        if (entry === undefined) continue;
        found = true;
        waiting -= 1;
        // To the end, so that organizations are served in turn.
        queues.delete(org);
        if (queue.size > 0) queues.set(org, queue);
        take(entry.claim);
        entry.go();
        break;
      }
    }
  };

  const wait = (claim: Claim, { signal, service }: UpstreamRequest): Promise<void> => {
    if (waiting >= maxWaiting) return Promise.reject(noConnection(service));
    return new Promise((resolve, reject) => {
      const done = () => signal.removeEventListener('abort', onAbort);
      const onAbort = () => {
        done();
        leave(entry);
        reject(signal.reason instanceof UpstreamTimeoutError ? noConnection(service) : signal.reason);
      };
      const entry: Waiting = {
        claim,
        go: () => {
          done();
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const queue = queues.get(claim.org) ?? new FairQueue<Waiting>();
      queues.set(claim.org, queue);
      queue.add(claim.member, entry);
      waiting += 1;
    });
  };

  const layer: CallLayer = (next) => async (request) => {
    request.signal.throwIfAborted();
    const claim = claimOf(request);
    // A call that finds room overtakes only calls that wait for another limit.
    if (fits(claim)) take(claim);
    else await wait(claim, request);
    try {
      return await next(request);
    } finally {
      release(claim);
    }
  };

  return {
    layer,
    get size() {
      return { counted: inFlight.size, organizations: queues.size };
    },
  };
}

const noConnection = (service: UpstreamRequest['service']): RateLimitedError =>
  new RateLimitedError({
    message: 'Too many calls of this organization wait for the platform to respond.',
    upstream: unanswered(service),
    retryAfterMs,
  });
