import { createHash, timingSafeEqual } from 'node:crypto';
import { PlatformError } from '../errors.ts';
import { json, type Reply } from '../http/operation.ts';
import { type AdminEndpoint, AdminError, type AdminRequest } from './endpoint.ts';

const prefix = '/__admin';

/** Whether a path leads to the admin endpoints instead of the platform. */
export function isAdminPath(path: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`);
}

/** Whether a header `Authorization` holds the admin token. Without a token, no header does. */
export type HoldsAdminToken = (authorization: string | undefined) => boolean;

/** @param token undefined when callers on other machines may not use the admin endpoints */
export function createTokenCheck(token: string | undefined): HoldsAdminToken {
  if (token === undefined) return () => false;
  const expected = digestOf(`Bearer ${token}`);
  return (authorization) => authorization !== undefined && timingSafeEqual(digestOf(authorization), expected);
}

/**
 * Answers requests to admin endpoints. Callers on this machine need no credential, other callers the admin token.
 * `GET /__admin` lists the endpoints.
 */
export class AdminDoor {
  readonly endpoints: readonly AdminEndpoint[];
  readonly #holdsToken: HoldsAdminToken;

  constructor(endpoints: readonly AdminEndpoint[], holdsToken: HoldsAdminToken) {
    const index: AdminEndpoint = { path: '', summary: 'lists the endpoints', methods: { GET: () => this.#list() } };
    this.endpoints = [index, ...endpoints];
    this.#holdsToken = holdsToken;
  }

  async answer(request: AdminRequest): Promise<Reply> {
    if (!isLoopback(request.remoteAddress) && !this.#holdsToken(request.authorization)) {
      return refusal(403, 'Only callers on this machine, or with the token of EMULATOR_ADMIN_TOKEN, may do this.');
    }
    const path = request.path.slice(prefix.length).replace(/\/$/, '');
    const endpoint = this.endpoints.find((each) => each.path === path);
    if (endpoint === undefined) return refusal(404, `There is no ${request.path}. GET ${prefix} lists the endpoints.`);
    const allowed = Object.keys(endpoint.methods).join(', ');
    const method = methodOf(endpoint, request.method);
    if (method === undefined) {
      const { status, body } = refusal(405, `Method ${request.method} is not allowed here.`);
      return { kind: 'json', status, body, headers: { allow: allowed } };
    }
    try {
      return await method(request);
    } catch (error) {
      if (error instanceof AdminError || error instanceof PlatformError) return refusal(error.status, error.message);
      throw error;
    }
  }

  #list(): Reply {
    return json({
      endpoints: this.endpoints.map(({ path, summary, methods }) => ({
        path: prefix + path,
        methods: Object.keys(methods),
        summary,
      })),
    });
  }
}

function methodOf({ methods }: AdminEndpoint, name: string) {
  // The names of methods are the keys of the endpoint; other names have no own property.
  return Object.hasOwn(methods, name) ? methods[name as keyof typeof methods] : undefined;
}

function refusal(status: number, message: string): Extract<Reply, { kind: 'json' }> {
  return { kind: 'json', status, body: { status, message } };
}

/** Of equal length for texts of any length. */
const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Whether an address is one of this machine's own, also when IPv4 is written as IPv6. */
export function isLoopback(address: string | undefined): boolean {
  return address === '::1' || /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/i.test(address ?? '');
}
