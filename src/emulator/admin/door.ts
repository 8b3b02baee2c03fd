import { PlatformError } from '../errors.ts';
import { adminPrefix, type HoldsAdminToken } from '../http/admin-access.ts';
import { json, type Reply } from '../http/operation.ts';
import { type AdminEndpoint, AdminError, type AdminRequest } from './endpoint.ts';

/**
 * Answers requests to admin endpoints. Callers on this machine need no credential; other callers need the admin token.
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
    const path = request.path.slice(adminPrefix.length).replace(/\/$/, '');
    const endpoint = this.endpoints.find((each) => each.path === path);
    if (endpoint === undefined)
      return refusal(404, `There is no ${request.path}. GET ${adminPrefix} lists the endpoints.`);
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
        path: adminPrefix + path,
        methods: Object.keys(methods),
        summary,
      })),
    });
  }
}

function methodOf({ methods }: AdminEndpoint, name: string) {
  // `hasOwn` ensures that the name is a key of the endpoint's methods.
  return Object.hasOwn(methods, name) ? methods[name as keyof typeof methods] : undefined;
}

function refusal(status: number, message: string): Extract<Reply, { kind: 'json' }> {
  return { kind: 'json', status, body: { status, message } };
}

/** Whether an address is a loopback address, including IPv4 addresses in IPv6 notation. */
export function isLoopback(address: string | undefined): boolean {
  return address === '::1' || /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/i.test(address ?? '');
}
