import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { GraphQLFailure, Result } from './event-stream.ts';
import { plantedSecret } from './secrets.ts';

/** Body of a callback to the router. */
export interface CallbackMessage {
  readonly kind: string;
  readonly action: string;
  readonly id: string;
  readonly verifier: string;
  readonly payload?: Result<unknown>;
  readonly errors?: readonly GraphQLFailure[];
}

/**
 * Response to a callback: according to the protocol, another status, no response, or a broken connection before or
 * after the callback was accepted.
 */
export type Reply = 'by the protocol' | number | 'hang' | 'drop' | 'take and drop';

export interface SubscribeRequest {
  readonly graphqlUrl: string;
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Aborts the request. */
  readonly signal?: AbortSignal;
  /** Members of `extensions.subscription` that replace those of the router. */
  readonly extension?: Readonly<Record<string, unknown>>;
}

/** A subscription of the router at the gateway. */
export interface RouterSubscription {
  readonly id: string;
  /** The `extensions.subscription` that the router has sent. */
  readonly extension: Readonly<Record<string, unknown>>;
  /** Response of the gateway to the request. */
  readonly response: Promise<{ readonly status: number; readonly headers: Headers; readonly text: string }>;
  /** Results of the subscription. The stream fails with the errors of the response, or of the last callback. */
  readonly results: ReadableStream<Result<unknown>>;
  /** Forgets the subscription, as if its client had left. */
  forget(): void;
}

/**
 * The router's side of HTTP callbacks 1.0, written from the protocol. A violation by the gateway fails the test when
 * the router is disposed.
 */
export interface CallbackRouter extends AsyncDisposable {
  /** Common prefix of its callback URLs. */
  readonly url: string;
  /** All callbacks received, in order. */
  readonly messages: readonly CallbackMessage[];
  /** Called for every valid callback. @default always by the protocol */
  reply: (message: CallbackMessage) => Reply | Promise<Reply>;
  subscribe(request: SubscribeRequest): RouterSubscription;
}

/** State of one subscription in the router. */
interface Topic {
  readonly verifier: string;
  readonly results: ReadableStreamDefaultController<Result<unknown>>;
  confirmed: boolean;
  /** Pending responses to `next`. */
  readonly underWay: Set<ServerResponse>;
}

const members: Readonly<Record<string, readonly string[]>> = {
  check: [],
  next: ['payload'],
  complete: ['errors'],
};
const protocolHeader = { 'subscription-protocol': 'callback/1.0' };

export async function startCallbackRouter({ heartbeatIntervalMs = 0 } = {}): Promise<CallbackRouter> {
  const topics = new Map<string, Topic>();
  const messages: CallbackMessage[] = [];
  const violations: string[] = [];

  /** @returns the status with which an invalid callback is rejected; null when it is valid */
  const judge = (headers: IncomingHttpHeaders, path: string | undefined, message: CallbackMessage): number | null => {
    const { kind, action, id, verifier, ...rest } = message;
    const wrong = (what: string) => {
      violations.push(`${what}: ${path} ${JSON.stringify({ ...message, verifier: undefined })}`);
      return 400;
    };
    if (headers['content-type'] !== 'application/json') return wrong('the type of the body');
    if (headers['subscription-protocol'] !== 'callback/1.0') return wrong('the header subscription-protocol');
    if (kind !== 'subscription') return wrong('kind');
    if (path !== `/callback/${id}`) return wrong('the id is not that of the path');
    const allowed = members[action];
    if (allowed === undefined) return wrong('action');
    if (Object.keys(rest).some((name) => !allowed.includes(name))) return wrong('members');
    const topic = topics.get(id);
    if (topic === undefined) return 404;
    if (topic.verifier !== verifier) return wrong('verifier');
    if (action !== 'check' && !topic.confirmed) return wrong('before the first check');
    if (action === 'next' && topic.underWay.size > 0) return wrong('before the response to the last one');
    return null;
  };

  const take = (topic: Topic, { action, id, payload, errors = [] }: CallbackMessage): number => {
    switch (action) {
      case 'check':
        topic.confirmed = true;
        return 204;
      case 'next':
        topic.results.enqueue(payload ?? {});
        return 200;
      default:
        topics.delete(id);
        if (errors.length > 0) topic.results.error(errors);
        else topic.results.close();
        return 202;
    }
  };

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // A body of another form is rejected by the checks.
    const message = (await json(request)) as CallbackMessage;
    const refusal = judge(request.headers, request.url, message);
    messages.push(message);
    const topic = topics.get(message.id);
    if (refusal !== null || topic === undefined) {
      response.writeHead(refusal ?? 404, protocolHeader).end();
      return;
    }
    // A response that is not sent stays pending until its connection ends.
    if (message.action === 'next') topic.underWay.add(response.once('close', () => topic.underWay.delete(response)));
    const reply = await router.reply(message);
    if (reply !== 'hang') topic.underWay.delete(response);
    if (reply === 'drop') response.destroy();
    else if (typeof reply === 'number') response.writeHead(reply, { location: 'http://127.0.0.1:9/' }).end('secret');
    else if (reply !== 'hang') {
      // The topic may have been removed while the response was awaited.
      const status = topics.get(message.id) === topic ? take(topic, message) : 404;
      if (reply === 'take and drop') response.destroy();
      else response.writeHead(status, protocolHeader).end();
    }
  };

  const server = createServer((request, response) => {
    respond(request, response).catch((error: unknown) => {
      violations.push(String(error));
      response.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // The assertion holds because a server that listens on a port has an AddressInfo and not the name of a pipe.
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`;

  const router: CallbackRouter = {
    url,
    messages,
    reply: () => 'by the protocol',
    subscribe: ({ graphqlUrl, query, variables = {}, headers = {}, extension = {}, signal = null }) => {
      const id = randomUUID();
      const verifier = plantedSecret(`verifier-${randomBytes(4).toString('hex')}`);
      const forget = () => {
        const topic = topics.get(id);
        topics.delete(id);
        topic?.results.close();
      };
      const subscription = {
        callbackUrl: `${url}/${id}`,
        subscriptionId: id,
        verifier,
        heartbeatIntervalMs,
        ...extension,
      };
      let response: RouterSubscription['response'] | undefined;
      const results = new ReadableStream<Result<unknown>>({
        start: (controller) => {
          topics.set(id, { verifier, results: controller, confirmed: false, underWay: new Set() });
          response = fetch(graphqlUrl, {
            method: 'POST',
            signal,
            headers: {
              'content-type': 'application/json',
              accept: 'application/json, application/json;callbackSpec=1.0',
              // A kept-alive connection may be closed by the gateway just when it is reused.
              connection: 'close',
              ...headers,
            },
            body: JSON.stringify({
              query,
              variables,
              extensions: { subscription },
            }),
          }).then(async (response) => ({
            status: response.status,
            headers: response.headers,
            text: await response.text(),
          }));
          response
            .then(({ status, text }) => {
              const { errors }: { readonly errors?: readonly GraphQLFailure[] } = JSON.parse(text);
              if (errors === undefined && status === 200) return;
              topics.delete(id);
              controller.error(errors ?? new Error(`The gateway response with ${status}.`));
            })
            .catch((error: unknown) => {
              topics.delete(id);
              controller.error(error);
            });
        },
        cancel: () => void topics.delete(id),
      });
      if (response === undefined) throw new Error('The stream has not started.');
      return { id, extension: subscription, response: response, results, forget };
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      if (violations.length > 0) throw new Error(`The gateway violates the protocol: ${violations.join('; ')}`);
    },
  };
  return router;
}
