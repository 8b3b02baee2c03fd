import type { ExecutionResult, GraphQLError } from 'graphql';
import { GatewayError, ShuttingDownError, UpstreamUnreachableError } from '../errors.ts';
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
  /** Aborts when there is no time left for last words. */
  readonly closing: AbortSignal;
}

/** Which part of the heartbeat's interval passes before the next one is sent; the rest is for its way. */
const heartbeatShare = 2 / 3;

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
  { send, clock, connections, maskError, closing }: DeliveryOptions,
): Promise<void> {
  const { signal } = operation;
  // A router would wait for the next heartbeat in vain, and its client would be told that all is complete.
  const goAway = () => operation.abort(new ShuttingDownError());
  // How often it wants to hear of it, the router says itself.
  using _ = connections.add({ beat: () => {}, goAway });

  const endAfter = (outcome: CallbackOutcome) => {
    switch (outcome) {
      case 'taken':
        return;
      case 'gone':
        operation.abort();
        return;
      case 'failed':
        operation.abort(notTaken());
    }
  };

  const beat = async () => {
    if (target.heartbeatMs === 0) return;
    const pauseMs = target.heartbeatMs * heartbeatShare;
    await clock.sleep(pauseMs, signal);
    for (;;) {
      // The pause does not wait for the answer: a router that is slow to answer would hear of it too late.
      await Promise.all([clock.sleep(pauseMs, signal), confirm(target, send, signal).then(endAfter)]);
    }
  };
  /** @returns the errors that the subscription has ended with */
  const pump = async (): Promise<readonly GraphQLError[]> => {
    for await (const result of results) {
      if (signal.aborted) break;
      const payload = publicResult(result);
      // Without data, it is the subscription itself that has failed, and not the execution of one of its events.
      if (!('data' in payload)) return payload.errors ?? [];
      endAfter(await send(target.url, message('next', target, `,"payload":${textOf(payload)}`), signal));
    }
    return [];
  };

  const beating = beat().catch(() => {});
  const ended = await pump().catch((error: unknown) => [publicError(maskError(error))]);
  const errors = signal.aborted ? lastWords(signal.reason, maskError) : ended;
  if (errors !== null) {
    const rest = errors.length === 0 ? '' : `,"errors":${JSON.stringify(errors)}`;
    await send(target.url, message('complete', target, rest), closing);
  }
  operation.abort();
  await beating;
}

/** Without a word of it, a client would be told by its router that all is complete, or wait for ever. */
const notTaken = () =>
  new UpstreamUnreachableError({ message: 'The router did not take what it was called back with.' });

/**
 * What is told of an operation that was broken off, after which clients subscribe again; null: nobody is there to be told.
 */
const lastWords = (reason: unknown, maskError: MaskError): readonly GraphQLError[] | null =>
  reason instanceof GatewayError ? [publicError(maskError(reason))] : null;

/** @param rest members of the action, as they stand in the text */
const message = (
  action: 'check' | 'next' | 'complete',
  { id, verifier }: Pick<CallbackTarget, 'id' | 'verifier'>,
  rest = '',
): string =>
  `{"kind":"subscription","action":"${action}","id":${JSON.stringify(id)},"verifier":${JSON.stringify(verifier)}${rest}}`;
