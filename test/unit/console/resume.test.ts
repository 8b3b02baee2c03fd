import type { FormattedExecutionResult, Sink, SubscribePayload } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import type { Failure } from '../../../src/console/app/failure.ts';
import { subscribeResuming } from '../../../src/console/live/resume.ts';

type Result = FormattedExecutionResult<Record<string, unknown>, unknown>;

/** A socket and a clock that do what the test says. */
function start() {
  const opened: { readonly payload: SubscribePayload; readonly sink: Sink<Result>; isEnded: boolean }[] = [];
  const pauses: { readonly ms: number; readonly call: () => void }[] = [];
  const received: unknown[] = [];
  const interrupted: Failure[] = [];
  const socket = {
    subscribe: (payload: SubscribePayload, sink: unknown) => {
      // The variables are those at this moment.
      const entry = {
        payload: { ...payload, variables: { ...payload.variables } },
        sink: sink as Sink<Result>,
        isEnded: false,
      };
      opened.push(entry);
      return () => {
        entry.isEnded = true;
      };
    },
  };
  const end = subscribeResuming(
    { query: 'subscription', variables: { ids: ['1'] } },
    {
      next: (result) => received.push(result),
      error: (error) => received.push({ error }),
      complete: () => received.push('complete'),
    },
    {
      socket,
      clock: {
        after: (ms, call) => {
          pauses.push({ ms, call });
          return () => void pauses.splice(0);
        },
      },
      onInterrupted: (failure) => interrupted.push(failure),
    },
  );
  const event = (cursor: string): Result => ({ data: { exportJobChanged: { cursor } } });
  return { opened, pauses, received, interrupted, end, event };
}

const retryable = { message: 'Shutting down', extensions: { code: 'SHUTTING_DOWN', retryable: true } };
const final = { message: 'Forbidden', extensions: { code: 'FORBIDDEN', retryable: false } };

describe('a live view', () => {
  it('continues after its last event when the gateway ends it for a reason that passes', () => {
    const { opened, pauses, received, interrupted, event } = start();
    opened[0]?.sink.next(event('c1'));
    // The last message contains the error, and the end follows.
    opened[0]?.sink.next({ data: null, errors: [retryable] } as unknown as Result);
    opened[0]?.sink.complete();
    expect(interrupted.map(({ code }) => code)).toEqual(['SHUTTING_DOWN']);
    pauses[0]?.call();
    expect(opened[1]?.payload.variables).toEqual({ ids: ['1'], after: 'c1' });
    expect(received).toEqual([event('c1')]);
  });

  it('waits longer after each attempt, and shortly again after an event', () => {
    const { opened, pauses, event } = start();
    const fail = () => opened.at(-1)?.sink.error([retryable]);
    for (let attempt = 0; attempt < 6; attempt += 1) {
      fail();
      pauses.at(-1)?.call();
    }
    opened.at(-1)?.sink.next(event('c1'));
    fail();
    expect(pauses.map(({ ms }) => ms)).toEqual([500, 1_000, 2_000, 5_000, 10_000, 10_000, 500]);
  });

  it('ends with an error that stays, and with its regular end', () => {
    const failed = start();
    failed.opened[0]?.sink.error([final]);
    expect(failed.received).toEqual([{ error: [final] }]);
    const completed = start();
    completed.opened[0]?.sink.complete();
    expect([completed.received, completed.pauses.length]).toEqual([['complete'], 0]);
  });

  it('delivers an event with an error that concerns a part of it', () => {
    const { opened, received, event } = start();
    const partial = { ...event('c1'), errors: [retryable] } as unknown as Result;
    opened[0]?.sink.next(partial);
    expect(received).toEqual([partial]);
  });

  it('begins nothing after its end', () => {
    const { opened, pauses, end } = start();
    opened[0]?.sink.error([retryable]);
    end();
    expect(pauses).toEqual([]);
    const other = start();
    other.end();
    expect(other.opened[0]?.isEnded).toBe(true);
  });
});
