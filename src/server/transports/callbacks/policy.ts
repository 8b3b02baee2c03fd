import { BlockList, isIP } from 'node:net';
import type { CallbackConfig } from '../../../config/config.ts';
import { bareHost, contains, isPublicAddress } from '../../../runtime/addresses.ts';
import { isLoopback } from '../../../runtime/loopback.ts';

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
export function createCallbackPolicy({ urls, networks }: Pick<CallbackConfig, 'urls' | 'networks'>): CallbackPolicy {
  const entries = urls.map((url) => new URL(url));
  const named = new BlockList();
  for (const { address, prefix, family } of networks) named.addSubnet(address, prefix, family);

  const hostFits = (pattern: string, host: string): boolean => {
    if (pattern === '*') return contains(named, bareHost(host));
    if (pattern.startsWith('*.')) return isIP(bareHost(host)) === 0 && host.endsWith(pattern.slice(1));
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
      isPublicAddress(address) || contains(named, address) || (hostname === 'localhost' && isLoopback(address)),
  };
}

/**
 * Routers append the id of the subscription to the configured path. Proxies and servers disagree about the rest of what
 * a path may hold (`..;`, `%2e`, double encoding, empty segments), and could leave the configured path by it.
 */
const cleanSegment = /^(?!\.+$)[\w.~:@=+-]+$/;

/** Whether a path is the configured one, or has exactly one clean segment more. */
function isCallbackPath(base: string, path: string): boolean {
  const folder = base.endsWith('/') ? base : `${base}/`;
  return path === base || (path.startsWith(folder) && cleanSegment.test(path.slice(folder.length)));
}
