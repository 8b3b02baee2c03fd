import { BlockList, isIP } from 'node:net';
import type { CallbackConfig } from '../config.ts';
import { isLoopback } from '../runtime/loopback.ts';

/** The allowed destinations of callbacks. Others are rejected before the gateway opens a connection. */
export interface CallbackPolicy {
  /** Whether a URL is allowed, before its host is looked up. */
  allowsUrl(url: URL): boolean;
  /** Whether the gateway may connect to an address of an allowed URL's host. */
  allowsAddress(hostname: string, address: string): boolean;
}

/**
 * Callers name the URL. Without a list they could make the gateway send to any host that it reaches. A name of the list
 * may have a new owner, so that its addresses must be public or listed as well.
 */
export function createCallbackPolicy({ urls, networks }: CallbackConfig): CallbackPolicy {
  const entries = urls.map((url) => new URL(url));
  const named = new BlockList();
  for (const { address, prefix, family } of networks) named.addSubnet(address, prefix, family);

  const hostFits = (pattern: string, host: string): boolean => {
    if (pattern === '*') return contains(named, bare(host));
    if (pattern.startsWith('*.')) return isIP(bare(host)) === 0 && host.endsWith(pattern.slice(1));
    return pattern === host;
  };

  return {
    allowsUrl: (url) =>
      url.username === '' &&
      url.password === '' &&
      url.hash === '' &&
      entries.some(
        (entry) =>
          entry.protocol === url.protocol &&
          entry.port === url.port &&
          hostFits(entry.hostname, url.hostname) &&
          isCallbackPath(entry.pathname, url.pathname),
      ),
    allowsAddress: (hostname, address) =>
      isPublic(address) || contains(named, address) || (hostname === 'localhost' && isLoopback(address)),
  };
}

/**
 * Routers append the id of the subscription to the configured path. Proxies and servers disagree about the rest of what a
 * path may hold (`..;`, `%2e`, double encoding, empty segments), and could leave the configured path by it.
 */
const cleanSegment = /^(?!\.+$)[\w.~:@=+-]+$/;

/** Whether a path is the configured one, or has exactly one clean segment more. */
function isCallbackPath(base: string, path: string): boolean {
  const folder = base.endsWith('/') ? base : `${base}/`;
  return path === base || (path.startsWith(folder) && cleanSegment.test(path.slice(folder.length)));
}

const bare = (host: string): string => host.replace(/^\[|\]$/g, '');

function contains(list: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** The only IPv6 addresses that are given to hosts of the Internet. */
const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

/** Addresses that no host of the Internet has, by the registries of special-purpose addresses (RFC 6890). */
const specialPurpose = new BlockList();
for (const [address, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  specialPurpose.addSubnet(address, prefix, 'ipv4');
}
for (const [address, prefix] of [
  // Teredo, which holds addresses of IPv4, is part of it.
  ['2001::', 23],
  ['2001:db8::', 32],
  // 6to4 holds addresses of IPv4.
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  specialPurpose.addSubnet(address, prefix, 'ipv6');
}

/** IPv4 addresses that are written as IPv6 addresses count as private, because no router needs that form. */
const isPublic = (address: string): boolean =>
  !contains(specialPurpose, address) && (isIP(address) === 4 || contains(globalUnicast, address));
