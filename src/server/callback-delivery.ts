import type { ExecutionResult, GraphQLError } from 'graphql';
import { ShuttingDownError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { CallbackClient, CallbackOutcome } from './callback-client.ts';
import { type MaskError, publicError, publicResult } from './graphql-error.ts';
import type { LiveConnections } from './live-connections.ts';
import { textOf } from './shared-result.ts';

/** Whom a router wants to be called back about what. */
export interface CallbackTarget {
  readonly url: URL;
  readonly id: string;
  /** Proves to the router that it is called by whom it has asked. A secret. */
  readonly verifier: string;
  /** Within which time the router must hear of the subscription again and again; 0: it need not. */
  readonly heartbeatMs: number;
}

export interface DeliveryOptions {
  readonly send: CallbackClient['send'];
  readonly clock: Pick<Clock, 'sleep'>;
  readonly connections: Pick<LiveConnections, 'add'>;
  readonly maskError: MaskError;
}

/** Which part of the heartbeat's interval passes before the next one is sent; the rest is for its way. */
const heartbeatShare = 2 / 3;

const never = new AbortController().signal;

/** Asks a router whether it is the one that has subscribed, and still is. */
export const confirm = (
  { url, ...target }: CallbackTarget,
  send: CallbackClient['send'],
  signal: AbortSignal,
): Promise<CallbackOutcome> => send(url, message('check', target), signal);

/**
 * Sends results one after the other, each when the one before was taken, until they end or the router has gone. What
 * changes meanwhile is merged where the results come from. Never rejects.
 * @param operation ends the operation when it aborts; aborted in any case when everything is over
 */
export async function deliver(
  results: AsyncIterable<ExecutionResult>,
  target: CallbackTarget,
  operation: AbortController,
  { send, clock, connections, maskError }: DeliveryOptions,
): Promise<void> {
  const { signal } = operation;
  // A router would wait for the next heartbeat in vain, and its client would be told that all is complete.
  const goAway = () => operation.abort(goingDown());
  // How often it wants to hear of it, the router says itself.
  using _ = connections.add({ beat: () => {}, goAway });

  const beat = async () => {
    if (target.heartbeatMs === 0) return;
    for (;;) {
      await clock.sleep(target.heartbeatMs * heartbeatShare, signal);
      if ((await confirm(target, send, signal)) !== 'taken') operation.abort();
    }
  };
  /** @returns the errors that the subscription has ended with; null: nobody is there to be told */
  const pump = async (): Promise<readonly GraphQLError[] | null> => {
    for await (const result of results) {
      if (signal.aborted) break;
      const payload = publicResult(result);
      // Without data, it is the subscription itself that has failed, and not the execution of one of its events.
      if (!('data' in payload)) return payload.errors ?? [];
      const body = message('next', target, `,"payload":${textOf(payload)}`);
      if ((await send(target.url, body, signal)) !== 'taken') return null;
    }
    return [];
  };

  const beating = beat().catch(() => {});
  const ended = await pump().catch((error: unknown) => [publicError(maskError(error))]);
  const errors = signal.aborted ? lastWords(signal.reason, maskError) : ended;
  if (errors !== null) {
    const rest = errors.length === 0 ? '' : `,"errors":${JSON.stringify(errors)}`;
    await send(target.url, message('complete', target, rest), never);
  }
  operation.abort();
  await beating;
}

/** Why operations end with the gateway. */
export const goingDown = () => new ShuttingDownError({ message: 'The gateway is going down.' });

/** What is told of an operation that was broken off. Clients subscribe again after the one error that may be. */
const lastWords = (reason: unknown, maskError: MaskError): readonly GraphQLError[] | null =>
  reason instanceof ShuttingDownError ? [publicError(maskError(reason))] : null;

/** @param rest members of the action, as they stand in the text */
const message = (
  action: 'check' | 'next' | 'complete',
  { id, verifier }: Pick<CallbackTarget, 'id' | 'verifier'>,
  rest = '',
): string =>
  `{"kind":"subscription","action":"${action}","id":${JSON.stringify(id)},"verifier":${JSON.stringify(verifier)}${rest}}`;
