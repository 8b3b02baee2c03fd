import { isIPv4 } from 'node:net';

/**
 * Whether only this machine can reach an address. A name other than `localhost` is not resolved and counts as external.
 */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  return bare === 'localhost' || bare === '::1' || (bare.startsWith('127.') && isIPv4(bare));
}
