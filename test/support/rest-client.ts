import { accessToken, platformHeaders } from './platform.ts';

export interface RestAnswer<Body> {
  readonly status: number;
  /** The parsed body; undefined when it was empty. */
  readonly body: Body;
}

/** Speaks to the platform as a script would that knows nothing of the gateway. */
export interface RestClient {
  /** @throws when the answer is no success */
  get<Body>(path: string): Promise<Body>;
  /** Null where the platform answers 404. @throws when the answer is another failure */
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
    // The body is what the documentation of the platform says of it; the comparison shows whether it is.
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
