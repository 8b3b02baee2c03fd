import type { Caller } from '../caller.ts';
import type { Service } from '../types.ts';

/** Keys under which state of a caller is kept. Each begins with the tenant or its organization. */
export interface CallerKeys {
  readonly org: string;
  /** Organization and sandbox. */
  readonly tenant: string;
  /** Organization and credential, without the sandbox, because a credential belongs to an organization. */
  readonly credential: string;
  /** Organization, sandbox and credential. */
  readonly caller: string;
  /** Sandbox and credential, among those of one organization. */
  readonly member: string;
  /** Organization, credential and service, for each service that was called. */
  readonly services: Map<Service, string>;
}

/** Separates parts of keys. No part contains it, because organizations, sandboxes and fingerprints are single words. */
const separator = '\n';

const known = new WeakMap<Caller, CallerKeys>();

/** The keys of a caller. They are created once per caller, because every layer of every call needs some of them. */
export function keysOf(caller: Caller): CallerKeys {
  const found = known.get(caller);
  if (found !== undefined) return found;
  const { org, sandbox } = caller.tenant;
  const { fingerprint } = caller.credential;
  const tenant = org + separator + sandbox;
  const keys = {
    org,
    tenant,
    credential: `${org}${separator}${separator}${fingerprint}`,
    caller: tenant + separator + fingerprint,
    member: sandbox + separator + fingerprint,
    services: new Map<Service, string>(),
  };
  known.set(caller, keys);
  return keys;
}

/**
 * The key of the organization, the credential and the service of a call. It is cached, because a new string would be
 * hashed at each lookup.
 */
export function serviceKeyOf(caller: Caller, service: Service): string {
  const { credential, services } = keysOf(caller);
  const found = services.get(service);
  if (found !== undefined) return found;
  const key = credential + separator + service;
  services.set(service, key);
  return key;
}
