import { RateLimitedError, UpstreamTimeoutError } from '../../../errors.ts';
import { Counts } from '../../../runtime/counts.ts';
import { FairQueue } from '../../../runtime/fair-queue.ts';
import { whenOver } from '../../../runtime/when-over.ts';
import type { CallLayer, UpstreamRequest } from '../call.ts';
import { keysOf } from '../caller-keys.ts';
import { noResponse } from '../errors.ts';
import type { AcceptedCredentials } from './acceptance.ts';

/** Maximum numbers of calls in flight. Each call holds one connection. */
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

/** Keys that belong to no organization. */
const totalKey = '';
const unprovenKey = 'unproven';
/** Maximum number of calls that wait for a connection, over all tenants. */
const maxWaiting = 20_000;
/** `retryAfterMs` of a rejected call. */
const retryAfterMs = 1_000;

/** The limits that one call counts against. */
interface Claim {
  readonly keys: readonly string[];
  /** The limit of each key. */
  readonly limits: readonly number[];
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
 * Bounds the calls in flight of each organization, sandbox and credential, so that hanging calls never hold all
 * connections. Calls above a limit wait. Organizations are served in turn, and so are the credentials of each
 * organization. Waiting ends with the signal of the call. At its deadline the call fails with a RateLimitedError,
 * because the service was not called and its circuit must not count a failure.
 */
export function createConnectionShare(limits: ConnectionLimits, accepted: AcceptedCredentials): ConnectionShare {
  const inFlight = new Counts();
  const queues = new Map<string, FairQueue<Waiting>>();
  let waiting = 0;

  const fits = ({ keys, limits }: Claim): boolean =>
    keys.every((key, index) => inFlight.of(key) < (limits[index] ?? 0));
  const take = ({ keys }: Claim): void => {
    for (const key of keys) inFlight.add(key, 1);
  };
  const release = ({ keys }: Claim): void => {
    for (const key of keys) inFlight.add(key, -1);
    if (waiting > 0) serve();
  };

  const ofTenant = [limits.total, limits.perOrganization, limits.perTenant];
  const ofCredential = [...ofTenant, limits.perCredential];
  const ofUnproven = [...ofCredential, limits.unproven];
  const claimOf = ({ caller }: UpstreamRequest): Claim => {
    const { org, tenant, member, caller: key } = keysOf(caller);
    // The gateway's own credential always counts as accepted.
    if (caller.credential.owner === 'gateway') {
      return { keys: [totalKey, org, tenant], limits: ofTenant, org, member };
    }
    return accepted.has(caller)
      ? { keys: [totalKey, org, tenant, key], limits: ofCredential, org, member }
      : { keys: [totalKey, org, tenant, key, unprovenKey], limits: ofUnproven, org, member };
  };

  const leave = (entry: Waiting): void => {
    const queue = queues.get(entry.claim.org);
    if (queue?.delete(entry.claim.member, entry) !== true) return;
    waiting -= 1;
    if (queue.size === 0) queues.delete(entry.claim.org);
  };

  /** Sends waiting calls while there is room for any of them. */
  const serve = (): void => {
    for (let found = true; found; ) {
      found = false;
      for (const [org, queue] of queues) {
        const entry = queue.take((next) => fits(next.claim));
        if (entry === undefined) continue;
        found = true;
        waiting -= 1;
        // The organization moves to the end of the map, so that organizations are served in turn.
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

  const layer: CallLayer = (next) => {
    const send = (request: UpstreamRequest, claim: Claim): ReturnType<typeof next> =>
      whenOver(next(request), () => release(claim));
    return (request) => {
      if (request.signal.aborted) return Promise.reject(request.signal.reason);
      const claim = claimOf(request);
      // A call that fits overtakes only calls that wait for another limit.
      if (!fits(claim)) return wait(claim, request).then(() => send(request, claim));
      take(claim);
      return send(request, claim);
    };
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
    upstream: noResponse(service),
    retryAfterMs,
  });
