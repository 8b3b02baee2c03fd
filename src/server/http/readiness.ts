import type { RedisState } from '../../runtime/redis.ts';

/** A service on which the gateway depends, as a load balancer and an operator see it. */
export interface DependencyState {
  readonly name: 'access token' | 'issuer keys' | 'Redis' | 'audit log';
  /**
   * `degraded`: a part of the requests fails, on all replicas alike. `unavailable`: this replica can serve no request.
   */
  readonly state: 'ok' | 'degraded' | 'unavailable';
  /** Short text for operators, without data of a request; null if the state is `ok`. */
  readonly reason: string | null;
}

/** The dependencies of the configured mode. Null: the gateway does not depend on it. */
export interface Dependencies {
  /** Whether there is an access token of the gateway for the platform. */
  readonly hasToken: (() => boolean) | null;
  /** Whether there are keys with which tokens of callers can be verified. */
  readonly hasKeys: (() => boolean) | null;
  readonly redis: (() => RedisState) | null;
  /** Whether all lines of the audit log are written. The log is listed only if they are not. */
  readonly isAuditWritable: () => boolean;
}

export interface Readiness {
  readonly status: 'ready' | 'degraded' | 'not ready' | 'shutting down';
  readonly dependencies: readonly DependencyState[];
}

/**
 * The states of the dependencies. Redis never makes the gateway unready, because all replicas share it: a restart of
 * Redis would then remove all of them from the balancer, although they serve everything but new live views and
 * idempotency keys.
 */
export function dependencyStates({
  hasToken,
  hasKeys,
  redis,
  isAuditWritable,
}: Dependencies): readonly DependencyState[] {
  return [
    ...(hasToken === null
      ? []
      : [required('access token', hasToken(), 'The token service of the platform has issued no token.')]),
    ...(hasKeys === null ? [] : [required('issuer keys', hasKeys(), 'The keys of the token issuer were not read.')]),
    ...(redis === null ? [] : [redisState(redis())]),
    ...(isAuditWritable() ? [] : [required('audit log', false, 'The audit log cannot be written.')]),
  ];
}

export function readinessOf(dependencies: readonly DependencyState[], draining: boolean): Readiness {
  const has = (state: DependencyState['state']) => dependencies.some((each) => each.state === state);
  if (draining) return { status: 'shutting down', dependencies };
  if (has('unavailable')) return { status: 'not ready', dependencies };
  return { status: has('degraded') ? 'degraded' : 'ready', dependencies };
}

/** The HTTP status for load balancers. A degraded replica receives requests. */
export const statusOfReadiness = ({ status }: Readiness): number =>
  status === 'ready' || status === 'degraded' ? 200 : 503;

const required = (name: DependencyState['name'], isThere: boolean, reason: string): DependencyState =>
  isThere ? { name, state: 'ok', reason: null } : { name, state: 'unavailable', reason };

function redisState(state: RedisState): DependencyState {
  switch (state) {
    case 'ready':
      return { name: 'Redis', state: 'ok', reason: null };
    case 'away':
      return { name: 'Redis', state: 'degraded', reason: 'Redis does not respond.' };
    case 'rejecting':
      return { name: 'Redis', state: 'degraded', reason: 'Redis rejects commands. The log contains its reply.' };
  }
}
