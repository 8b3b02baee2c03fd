import { BlockList, isIP } from 'node:net';

/** Removes the brackets of an IPv6 address in the host of a URL. */
export const bareHost = (host: string): string => host.replace(/^\[|\]$/g, '');

/** Whether the list contains an address. It contains no names. */
export function contains(list: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** The only IPv6 addresses that are assigned to hosts on the Internet. */
const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

/** Addresses that no host on the Internet has, according to the registries of special-purpose addresses (RFC 6890). */
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
  // It includes Teredo, which embeds IPv4 addresses.
  ['2001::', 23],
  ['2001:db8::', 32],
  // 6to4 embeds IPv4 addresses.
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  specialPurpose.addSubnet(address, prefix, 'ipv6');
}

/**
 * Whether an address belongs to a host on the Internet. IPv4-mapped IPv6 addresses count as private, because no client
 * needs that form.
 */
export const isPublicAddress = (address: string): boolean =>
  !contains(specialPurpose, address) && (isIP(address) === 4 || contains(globalUnicast, address));

/** Whether a name has a suffix that only names of private networks have. */
export const isPrivateName = (name: string): boolean => /\.(?:internal|local|localhost|svc|lan|home\.arpa)$/.test(name);

/**
 * Whether the host of a URL is certainly not on the Internet, because it is a private address or a name that only a
 * private network resolves.
 */
export function isPrivateHost(hostname: string): boolean {
  const host = bareHost(hostname);
  if (isIP(host) !== 0) return !isPublicAddress(host);
  return !host.includes('.') || isPrivateName(host);
}
