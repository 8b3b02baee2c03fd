import type { ServerResponse } from 'node:http';
import { finished } from 'node:stream/promises';
import type { ExecutionResult, GraphQLError } from 'graphql';
import { isAsyncIterable } from 'graphql-yoga';
import { z } from 'zod';
import { ForbiddenError, InvalidInputError } from '../../../errors.ts';
import type { RequestLog } from '../../../runtime/request-log.ts';
import { type OperationDeps, type OperationParams, openOperation, runOperation } from '../../graphql/operation.ts';
import type { ReadyOperation } from '../../graphql/pipeline-types.ts';
import { ClientLeftError } from '../../sharing/end-reason.ts';
import type { AcceptedTypes } from '../http/accept.ts';
import type { HttpExchange } from '../http/exchange.ts';
import { callbackProtocol } from './client.ts';
import type { CallbackTarget } from './delivery.ts';
import type { Callbacks, ConfirmedCallback } from './registry.ts';

export interface CallbackOperationOptions extends OperationDeps {
  /** Null if callbacks are not configured. */
  readonly callbacks: Callbacks | null;
}

/** Starts a subscription by callbacks, and returns the result for the response to its request. */
export type CallbackOperation = (params: OperationParams, exchange: HttpExchange) => Promise<ExecutionResult>;

interface ConfirmedOperation {
  readonly confirmed: ConfirmedCallback;
  readonly operation: AbortController;
  readonly response: ServerResponse;
}

/**
 * Subscriptions by HTTP callbacks, version 1.0, for federation routers: the request names the URL of the callbacks, and
 * its response is sent at once. The operation continues after the response.
 */
export function createCallbackOperation(options: CallbackOperationOptions): CallbackOperation {
  const { callbacks, maskError } = options;

  const subscribe: CallbackOperation = async (params, { session, host, response, trace, record, signal: leaving }) => {
    const operation = new AbortController();
    const { signal } = operation;
    const leave = () => operation.abort(new ClientLeftError('disconnected'));
    leaving.addEventListener('abort', leave);
    try {
      if (callbacks === null)
        throw invalidExtension('', 'the gateway has no SUBSCRIPTION_CALLBACK_URLS, so that callbacks are off');
      const target = targetOf(params);
      if (!callbacks.allows(target.url)) {
        throw new ForbiddenError({ message: 'SUBSCRIPTION_CALLBACK_URLS does not allow the callback URL.' });
      }
      const args = await openOperation(options, params, { session, host, signal, trace, record });
      if (!('kind' in args)) return failedStart(args, record.log);
      if (args.kind !== 'subscription') {
        throw invalidExtension('', 'only a subscription can use callbacks');
      }
      // A caller without an accepted credential must not make the gateway send requests to hosts of its choice.
      await args.contextValue.assertReader();
      const { principal, tenant } = session;
      const subscriber = { organization: tenant.org, principal, target, log: record.log };
      const confirmed = await callbacks.confirm(subscriber, signal);
      if (confirmed === null)
        throw invalidExtension('callbackUrl', 'the router at this URL does not confirm the subscription');
      return await begin(args, { confirmed, operation, response });
    } catch (error) {
      operation.abort();
      throw error;
    } finally {
      leaving.removeEventListener('abort', leave);
    }
  };

  const begin = async (
    args: ReadyOperation,
    { confirmed, operation, response }: ConfirmedOperation,
  ): Promise<ExecutionResult> => {
    const { log } = args.record;
    try {
      operation.signal.throwIfAborted();
      const results = await runOperation(options, args);
      if (!isAsyncIterable(results)) {
        confirmed[Symbol.dispose]();
        return failedStart(results.errors ?? [], log);
      }
      const giveUp = async () => {
        operation.abort(new ClientLeftError('disconnected'));
        confirmed[Symbol.dispose]();
        await results[Symbol.asyncIterator]().return?.();
      };
      // The first callback follows the response, which announces that the subscription has begun.
      finished(response)
        .then(() => confirmed.start(results, operation), giveUp)
        .catch((error: unknown) => maskError(error, log));
      return begun;
    } catch (error) {
      confirmed[Symbol.dispose]();
      throw error;
    }
  };

  /** The status of the request is 200, as over HTTP, because only a field has failed. */
  const failedStart = (errors: readonly GraphQLError[], log: RequestLog): ExecutionResult => ({
    errors: errors.map((error) => maskError(error, log)),
    extensions: { http: { status: 200 } },
  });

  return subscribe;
}

/** Whether a request wants its results by callbacks. */
export function requestsCallbacks({ extensions }: OperationParams, accepted: AcceptedTypes): boolean {
  const requested: unknown = extensions?.['subscription'];
  return typeof requested === 'object' && requested !== null && !prefersStream(accepted);
}

const begun = { data: null, extensions: { http: { headers: callbackProtocol } } } satisfies ExecutionResult;

/**
 * Whether a client wants a stream as the response. The first routers with callbacks did not announce them in Accept.
 */
const prefersStream = (accepted: AcceptedTypes): boolean =>
  !accepted.some(({ params }) => params.get('callbackspec') === '1.0') &&
  accepted.some(({ essence }) => essence === 'text/event-stream' || essence === 'multipart/mixed');

/** Maximum length of a callback URL, in characters. */
const maxUrlLength = 2_048;
/** Maximum length of an id or a verifier, in characters. Some routers derive them from hashes. */
const maxTokenLength = 512;
/** The shortest heartbeat interval, in milliseconds, because each subscription causes one request per interval. */
const minHeartbeatMs = 5_000;
/** The longest heartbeat interval, in milliseconds: a day. */
const maxHeartbeatMs = 24 * 60 * 60_000;
/** The heartbeat interval for a router that names none, in milliseconds. */
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

/** The names in the preview of the protocol. */
const previewNames = {
  callback_url: 'callbackUrl',
  subscription_id: 'subscriptionId',
  heartbeat_interval_ms: 'heartbeatIntervalMs',
} as const;

/** @throws {InvalidInputError} */
function targetOf({ extensions }: OperationParams): CallbackTarget {
  const given: Record<string, unknown> = { ...Object(extensions?.['subscription']) };
  for (const [preview, name] of Object.entries(previewNames)) given[name] ??= given[preview];
  const { data, error } = extension.safeParse(given);
  if (data === undefined)
    throw new InvalidInputError(error.issues.map(({ path, message }) => issue(path.join('.'), message)));
  const { callbackUrl, subscriptionId, verifier, heartbeatIntervalMs } = data;
  return { url: callbackUrl, id: subscriptionId, verifier, heartbeatMs: heartbeatIntervalMs };
}

const invalidExtension = (path: string, message: string) => new InvalidInputError([issue(path, message)]);

const issue = (path: string, message: string) => ({
  path: ['extensions', 'subscription', ...(path === '' ? [] : [path])].join('.'),
  message,
});
