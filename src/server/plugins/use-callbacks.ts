import { finished } from 'node:stream/promises';
import type { ExecutionResult, GraphQLError } from 'graphql';
import { type GraphQLParams, isAsyncIterable, type Plugin } from 'graphql-yoga';
import { z } from 'zod';
import { ForbiddenError, InvalidInputError } from '../../errors.ts';
import { type AcceptedTypes, parseAccept } from '../accept.ts';
import { callbackProtocol } from '../callback-client.ts';
import type { CallbackTarget } from '../callback-delivery.ts';
import type { Callbacks } from '../callbacks.ts';
import { type OperationDeps, openOperation, runOperation } from '../operation.ts';
import { type ServerContext, sessionOf, type Yoga } from '../server-context.ts';

export interface CallbackPluginOptions extends Omit<OperationDeps, 'yoga'> {
  /** null: there are none. */
  readonly callbacks: Callbacks | null;
}

interface CallbackRequest {
  readonly params: GraphQLParams;
  readonly request: Request;
  readonly context: ServerContext;
}

/**
 * Subscriptions that are answered by HTTP callbacks, version 1.0, as federation routers ask for them: the request says
 * where to call, and is answered at once. In place of Yoga's own execution, because the operation goes on after it.
 */
export function useCallbacks({
  callbacks,
  findDocument,
  maskError,
}: CallbackPluginOptions): Plugin<object, ServerContext> {
  let yoga: Pick<Yoga, 'getEnveloped'>;

  const subscribe = async ({ params, request, context }: CallbackRequest): Promise<ExecutionResult> => {
    if (context.operation !== undefined) throw new Error('Callbacks are asked for over HTTP alone.');
    const operation = new AbortController();
    const { signal } = operation;
    const leave = () => operation.abort();
    request.signal.addEventListener('abort', leave);
    try {
      const session = sessionOf(context);
      const opened = { session, host: request.headers.get('host'), signal };
      if (callbacks === null) throw unusable('', 'the gateway has no SUBSCRIPTION_CALLBACK_URLS to call back');
      const target = targetOf(params);
      if (!callbacks.allows(target.url)) {
        throw new ForbiddenError({ message: 'The callback URL is not one of those that may be called.' });
      }
      const args = await openOperation({ yoga, findDocument, maskError }, params, opened);
      if (!('kind' in args)) return refused(args);
      if (args.kind !== 'subscription') {
        throw unusable('', 'only a subscription can be answered by callbacks');
      }
      if (!(await callbacks.confirm(target, signal))) {
        throw unusable('callbackUrl', 'who is called there does not confirm the subscription');
      }
      const results = await runOperation(args, maskError);
      if (!isAsyncIterable(results)) return refused(results.errors ?? []);
      // The answer says that the subscription has begun, and no callback comes before it.
      finished(context.res)
        .catch(leave)
        .then(() => callbacks.start(results, { principal: session.principal, target, operation }));
      return begun;
    } catch (error) {
      operation.abort();
      throw error;
    } finally {
      request.signal.removeEventListener('abort', leave);
    }
  };

  /** The status is that of the request, as over HTTP; a field that failed is no failure of the request. */
  const refused = (errors: readonly GraphQLError[]): ExecutionResult => ({
    errors: errors.map(maskError),
    extensions: { http: { status: 200 } },
  });

  return {
    onYogaInit: (init) => {
      yoga = init.yoga;
    },
    onParams: ({ request, params, setParamsHandler }) => {
      const asked: unknown = params?.extensions?.['subscription'];
      if (request.method !== 'POST' || typeof asked !== 'object' || asked === null) return;
      if (prefersStream(parseAccept(request.headers.get('accept')))) return;
      setParamsHandler(subscribe);
    },
  };
}

const begun = { data: null, extensions: { http: { headers: callbackProtocol } } } satisfies ExecutionResult;

/** Whether a client wants its answer itself to go on. The first routers with callbacks did not say that they want those. */
const prefersStream = (accepted: AcceptedTypes): boolean =>
  !accepted.some(({ params }) => params.get('callbackspec') === '1.0') &&
  accepted.some(({ essence }) => essence === 'text/event-stream' || essence === 'multipart/mixed');

/** Characters of a callback URL. */
const maxUrlLength = 2_048;
/** Characters of an id, or of a verifier: some routers make them of hashes. */
const maxTokenLength = 512;
/** The shortest interval of heartbeats that a router may ask for, in milliseconds. */
const minHeartbeatMs = 1_000;
/** The longest one, a day. */
const maxHeartbeatMs = 24 * 60 * 60_000;
/** What counts when the router does not say it, in milliseconds. */
const defaultHeartbeatMs = 5_000;

const url = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .max(maxUrlLength)
  .transform((value) => new URL(value));
const token = z.string().min(1).max(maxTokenLength);
const heartbeat = z.literal(0).or(z.int().min(minHeartbeatMs).max(maxHeartbeatMs)).default(defaultHeartbeatMs);

const extension = z.object({
  callbackUrl: url,
  subscriptionId: token,
  verifier: token,
  heartbeatIntervalMs: heartbeat,
});

/** How the preview of the protocol named them. */
const previewNames = {
  callback_url: 'callbackUrl',
  subscription_id: 'subscriptionId',
  heartbeat_interval_ms: 'heartbeatIntervalMs',
} as const;

/** @throws {InvalidInputError} */
function targetOf({ extensions }: GraphQLParams): CallbackTarget {
  const given = { ...extensions?.['subscription'] };
  for (const [preview, name] of Object.entries(previewNames)) given[name] ??= given[preview];
  const { data, error } = extension.safeParse(given);
  if (data === undefined)
    throw new InvalidInputError(error.issues.map(({ path, message }) => issue(path.join('.'), message)));
  const { callbackUrl, subscriptionId, verifier, heartbeatIntervalMs } = data;
  return { url: callbackUrl, id: subscriptionId, verifier, heartbeatMs: heartbeatIntervalMs };
}

const unusable = (path: string, message: string) => new InvalidInputError([issue(path, message)]);

const issue = (path: string, message: string) => ({
  path: ['extensions', 'subscription', ...(path === '' ? [] : [path])].join('.'),
  message,
});
