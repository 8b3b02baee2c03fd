import type { ExecutionResult, GraphQLError } from 'graphql';
import { GatewayError, ShuttingDownError, UpstreamUnreachableError } from '../../../errors.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { RequestLog } from '../../../runtime/request-log.ts';
import type { ConnectionRegistry } from '../../connections/connection-registry.ts';
import { type MaskError, publicError, publicResult } from '../../graphql/error-mask.ts';
import { ClientLeftError } from '../../sharing/end-reason.ts';
import { textOf } from '../../sharing/serialized-result.ts';
import type { RouterConnection, SendSignals } from './client.ts';
import type { CallbackOutcome } from './types.ts';

/** The router's side of one subscription. */
export interface CallbackTarget {
  readonly url: URL;
  readonly id: string;
  /** Proves to the router that the callback comes from the gateway that it has chosen. A secret. */
  readonly verifier: string;
  /** Longest time between two checks that the router accepts, in milliseconds; 0 turns checks off. */
  readonly heartbeatMs: number;
}

/** The caller that requests a subscription by callbacks. The platform has accepted its credential. */
export interface CallbackSubscriber {
  readonly organization: string;
  readonly principal: string;
  readonly target: CallbackTarget;
  /** Log of the request that began the subscription. */
  readonly log: RequestLog;
}

export interface DeliveryOptions {
  readonly router: Pick<RouterConnection, 'send'>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly connections: Pick<ConnectionRegistry, 'add'>;
  readonly maskError: MaskError;
  /** Log of the request that began the subscription. */
  readonly log: RequestLog;
  /** Aborts when no time is left for the last callback. */
  readonly closing: AbortSignal;
  /** Numbers from 0 up to 1. @default Math.random */
  readonly random?: (() => number) | undefined;
}

/** Pause between two checks, as a share of the heartbeat interval. The rest is for the transfer of the check. */
const heartbeatShare = 2 / 3;

/** Sends a check, which a router accepts only for a subscription that it still has. */
export const check = (
  router: Pick<RouterConnection, 'send'>,
  target: CallbackTarget,
  signals: SendSignals,
): Promise<CallbackOutcome> => router.send(message('check', target), signals);

/**
 * Sends results in sequence, each after the router has accepted the previous one, until they end or the router has
 * gone. The source of the results merges changes in the meantime. Never rejects.
 * @param operation ends the operation when it aborts; aborted in any case at the end
 */
export async function deliver(
  results: AsyncIterable<ExecutionResult>,
  target: CallbackTarget,
  operation: AbortController,
  { router, clock, connections, maskError, log, closing, random = Math.random }: DeliveryOptions,
): Promise<void> {
  const { signal } = operation;
  // Without a last callback, a router waits for the next heartbeat and then completes its client's subscription.
  const goAway = () => operation.abort(new ShuttingDownError());
  // The router determines its own heartbeat interval, so that the common ping is not used.
  using _ = connections.add({ transport: 'callback', ping: () => {}, goAway });

  const endAfter = (outcome: CallbackOutcome) => {
    switch (outcome) {
      case 'taken':
        return;
      case 'gone':
        operation.abort(new ClientLeftError('client_completed'));
        return;
      case 'failed':
        operation.abort(callbackRejected());
    }
  };

  const sendChecks = async () => {
    if (target.heartbeatMs === 0) return;
    const pauseMs = target.heartbeatMs * heartbeatShare;
    // Subscriptions that begin together, as after a restart, must not send all their checks together.
    await clock.sleep(pauseMs * random(), signal);
    for (;;) {
      // The pause does not wait for the response, because a slow router would receive the next check too late.
      await Promise.all([clock.sleep(pauseMs, signal), check(router, target, { attempts: signal }).then(endAfter)]);
    }
  };
  /** @returns the errors that the subscription has ended with */
  const pump = async (): Promise<readonly GraphQLError[]> => {
    for await (const result of results) {
      if (signal.aborted) break;
      const payload = publicResult(result);
      // Without data, the subscription itself has failed, and not the execution of one of its events.
      if (!('data' in payload)) return payload.errors ?? [];
      const body = message('next', target, `,"payload":${textOf(payload)}`);
      endAfter(await router.send(body, { attempts: signal }));
    }
    return [];
  };

  const checks = sendChecks().catch(() => {});
  const ended = await pump().catch((error: unknown) => [publicError(maskError(error, log))]);
  const errors = signal.aborted ? lastErrors(signal.reason, (reason) => maskError(reason, log)) : ended;
  if (errors !== null) {
    const rest = errors.length === 0 ? '' : `,"errors":${JSON.stringify(errors)}`;
    await router.send(message('complete', target, rest), { attempts: closing });
  }
  operation.abort();
  await checks;
}

/** Without this error, the client would treat the end as a normal end, or wait forever. */
const callbackRejected = () => new UpstreamUnreachableError({ message: 'The router rejected a callback.' });

/** The errors of the last callback after an abort, so that clients subscribe again; null if the router has gone. */
const lastErrors = (reason: unknown, mask: (error: GatewayError) => GraphQLError): readonly GraphQLError[] | null =>
  reason instanceof GatewayError ? [publicError(mask(reason))] : null;

/** @param rest members of the action, as JSON text that begins with a comma */
const message = (
  action: 'check' | 'next' | 'complete',
  { id, verifier }: Pick<CallbackTarget, 'id' | 'verifier'>,
  rest = '',
): string =>
  `{"kind":"subscription","action":"${action}","id":${JSON.stringify(id)},"verifier":${JSON.stringify(verifier)}${rest}}`;
