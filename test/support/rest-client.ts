import { accessToken, platformHeaders } from './platform.ts';

export interface RestAnswer<Body> {
  readonly status: number;
  /** The parsed body; undefined when it is empty. */
  readonly body: Body;
}

/** Calls the platform directly, without the gateway. */
export interface RestClient {
  /** @throws when the response is not a success */
  get<Body>(path: string): Promise<Body>;
  /** Returns null when the platform responds with 404. @throws when the response is another failure */
  find<Body>(path: string): Promise<Body | null>;
  send<Body>(method: string, path: string, body?: unknown): Promise<RestAnswer<Body>>;
  bytes(path: string): Promise<Buffer>;
}

export async function connectRest(platform: { readonly url: string }, sandbox = 'prod'): Promise<RestClient> {
  const headers = { ...platformHeaders(await accessToken(platform)), 'x-sandbox-name': sandbox };

  const send = async <Body>(method: string, path: string, body?: unknown): Promise<RestAnswer<Body>> => {
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`${platform.url}${path}`, {
      method,
      headers: { ...headers, 'content-type': 'application/json' },
      ...content,
    });
    const text = await response.text();
    // The assertion relies on the platform's documentation; comparisons in the tests verify it.
    return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as Body };
  };

  const find = async <Body>(path: string): Promise<Body | null> => {
    const { status, body } = await send<Body>('GET', path);
    if (status === 404) return null;
    if (status !== 200) throw new Error(`GET ${path} was answered with ${status}: ${JSON.stringify(body)}`);
    return body;
  };

  return {
    send,
    find,
    get: async <Body>(path: string) => {
      const body = await find<Body>(path);
      if (body === null) throw new Error(`GET ${path} was answered with 404`);
      return body;
    },
    bytes: async (path) => Buffer.from(await (await fetch(`${platform.url}${path}`, { headers })).arrayBuffer()),
  };
}
