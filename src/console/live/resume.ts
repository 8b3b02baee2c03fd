import type { FormattedExecutionResult, Sink, Client as Socket, SubscribePayload } from 'graphql-ws';
import type { Clock } from '../app/clock.ts';
import { type Failure, failureOfError } from '../app/failure.ts';

export interface ResumeOptions {
  readonly socket: Pick<Socket, 'subscribe'>;
  readonly clock: Pick<Clock, 'after'>;
  /** Called when the gateway has ended the subscription for a reason that passes. It is repeated after a pause. */
  readonly onInterrupted: (failure: Failure) => void;
}

/** Pauses before the attempts after an interruption, in milliseconds. */
const pausesMs = [500, 1_000, 2_000, 5_000, 10_000];

/**
 * Subscribes, and continues after the last received event when the connection was lost or the gateway ended the
 * subscription for a reason that passes. The document passes `$after` to the field.
 * @returns ends it
 */
export function subscribeResuming(
  payload: SubscribePayload,
  sink: Sink<FormattedExecutionResult<Record<string, unknown>, unknown>>,
  { socket, clock, onInterrupted }: ResumeOptions,
): () => void {
  // The client of graphql-ws sends this object again after each reconnect.
  const variables: Record<string, unknown> = { ...payload.variables };
  let attempts = 0;
  let end = () => {};

  const repeat = (failure: Failure) => {
    onInterrupted(failure);
    end = clock.after(pausesMs[Math.min(attempts, pausesMs.length - 1)] ?? 0, begin);
    attempts += 1;
  };

  const begin = () => {
    let failure: Failure | null = null;
    end = socket.subscribe<Record<string, unknown>>(
      { ...payload, variables },
      {
        next: (result) => {
          const [event] = Object.values(result.data ?? {});
          if (typeof event === 'object' && event !== null && 'cursor' in event) {
            variables['after'] = event.cursor;
            attempts = 0;
          }
          const [error] = result.errors ?? [];
          // An error without an event is the last message. Other errors concern a part of an event.
          const ended = error !== undefined && (event === undefined || event === null) ? failureOfError(error) : null;
          if (ended?.retryable === true) failure = ended;
          else sink.next(result);
        },
        error: (error) => {
          const [first] = Array.isArray(error) ? error : [];
          const rejected: Failure | null = first === undefined ? null : failureOfError(first);
          if (rejected?.retryable === true) repeat(rejected);
          else sink.error(error);
        },
        complete: () => {
          if (failure === null) sink.complete();
          else repeat(failure);
        },
      },
    );
  };

  begin();
  return () => end();
}
