import { createHash, timingSafeEqual } from 'node:crypto';

/** Path below which the admin endpoints are. */
export const adminPrefix = '/__admin';

/** Whether a path belongs to the admin endpoints and not to the platform. */
export function isAdminPath(path: string): boolean {
  return path === adminPrefix || path.startsWith(`${adminPrefix}/`);
}

/** Whether an `Authorization` header holds the admin token. Always false if no token is configured. */
export type HoldsAdminToken = (authorization: string | undefined) => boolean;

/** @param token the admin token; undefined when callers on other machines may not use the admin endpoints */
export function createTokenCheck(token: string | undefined): HoldsAdminToken {
  if (token === undefined) return () => false;
  const expected = digestOf(`Bearer ${token}`);
  return (authorization) => authorization !== undefined && timingSafeEqual(digestOf(authorization), expected);
}

/** Digest for a comparison of texts, which always has the same length. */
const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();
