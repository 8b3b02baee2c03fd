import { isIPv4 } from 'node:net';

/** Whether only this machine can reach an address. A name other than `localhost` is not looked up: it counts as outside. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  return bare === 'localhost' || bare === '::1' || (bare.startsWith('127.') && isIPv4(bare));
}
