import type { Service } from '../errors.ts';
import type { CompleteFaultScript, Fault, FaultRule } from './fault-script.ts';

/** Properties of a request that a rule can match. */
export interface FaultTarget {
  readonly service: Service;
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
}

/** Faults that determine how the response is sent. A request has at most one of them. */
export type Delivery = Extract<Fault, { kind: 'status' | 'reset' | 'truncate' | 'invalidJson' | 'drip' }>;

/**
 * A running script. Rules are evaluated in order, and every rule that hits takes effect. Of the `Delivery` faults only
 * the first takes effect; the other rules do not hit, and the request does not count towards their `times`.
 */
export class FaultPlan {
  readonly script: CompleteFaultScript;
  readonly #progress: readonly { matches: number; hits: number }[];

  constructor(script: CompleteFaultScript) {
    this.script = script;
    this.#progress = script.rules.map(() => ({ matches: 0, hits: 0 }));
  }

  /** Number of requests that each rule has hit, in the order of the rules. */
  get hits(): readonly number[] {
    return this.#progress.map(({ hits }) => hits);
  }

  /** The faults of the next request. */
  next(target: FaultTarget): readonly Fault[] {
    const faults: Fault[] = [];
    for (const [index, rule] of this.script.rules.entries()) {
      const progress = this.#progress[index];
      if (progress === undefined || !matches(rule, target)) continue;
      progress.matches += 1;
      const position = progress.matches - rule.after;
      if (position <= 0 || (rule.times !== null && progress.hits >= rule.times)) continue;
      if (draw(this.script.seed, index, position) >= rule.probability) continue;
      if (isDelivery(rule.fault) && faults.some(isDelivery)) continue;
      progress.hits += 1;
      faults.push(rule.fault);
    }
    return faults;
  }
}

export function isDelivery(fault: Fault): fault is Delivery {
  switch (fault.kind) {
    case 'status':
    case 'reset':
    case 'truncate':
    case 'invalidJson':
    case 'drip':
      return true;
    case 'latency':
    case 'expireTokens':
    case 'unknownStatus':
    case 'vanish':
      return false;
  }
}

function matches({ match }: FaultRule, target: FaultTarget): boolean {
  return (
    (match.service === undefined || match.service === target.service) &&
    (match.method === undefined || match.method === target.method) &&
    (match.path === undefined || target.path.startsWith(match.path)) &&
    (!match.writesOnly || isWrite(target)) &&
    (!match.readsOnly || !isWrite(target))
  );
}

/**
 * Whether a request changes the platform. Requests to the token service, bulk reads and profile access are always
 * reads, regardless of their method.
 */
export function isWrite({ service, method, path }: FaultTarget): boolean {
  if (method === 'GET' || method === 'HEAD') return false;
  return service !== 'ims' && service !== 'profile-access' && !/\/bulk-get\/?$/.test(path);
}

const twoTo32 = 2 ** 32;

/**
 * Pseudo-random number in [0, 1), the same for the same arguments. Each rule draws its own numbers, so adding a rule at
 * the end does not affect the other rules.
 */
function draw(seed: number, rule: number, position: number): number {
  return (
    [Math.floor(seed / twoTo32), rule, position].reduce((hash, part) => mix(hash ^ mix(part)), mix(seed)) / twoTo32
  );
}

/** The 32-bit finisher of MurmurHash3, with an offset so that 0 does not map to 0. */
function mix(value: number): number {
  let hash = Math.trunc(value + 0x9e3779b9) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
