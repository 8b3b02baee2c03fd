import { constants } from 'node:os';
import type { Clock } from './clock.ts';

const stopSignals = ['SIGTERM', 'SIGINT'] as const;
type StopSignal = (typeof stopSignals)[number];

/** An operator's request to end the process. */
export interface StopRequest {
  /** Aborts with the first SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  /** Resolves with the first SIGTERM or SIGINT. */
  readonly arrived: Promise<void>;
}

/**
 * A Ctrl-C at `npm start` arrives twice within this time, in milliseconds, because npm forwards it to a process that
 * the terminal has already signaled.
 */
const repeatedInterruptMs = 200;

/**
 * Listens for SIGTERM and SIGINT. The first one aborts `signal`, so that the process can shut down cleanly. The second
 * one ends the process at once, as both signals do by default.
 */
export function listenForStop(clock: Pick<Clock, 'monotonicMs'>): StopRequest {
  const controller = new AbortController();
  const { promise: arrived, resolve } = withResolver();
  let firstAtMs: number | null = null;
  const onSignal = (name: StopSignal) => {
    const nowMs = clock.monotonicMs();
    if (firstAtMs === null) {
      firstAtMs = nowMs;
      controller.abort(new Error(`The process received ${name}.`));
      resolve();
    } else if (name === 'SIGTERM' || nowMs - firstAtMs >= repeatedInterruptMs) {
      endProcess(name);
    }
  };
  for (const name of stopSignals) process.on(name, onSignal);
  return { signal: controller.signal, arrived };
}

/**
 * Ends the process at once, by a signal. `process.exit` would wait for native work in other threads, such as a database
 * statement.
 */
export function endProcess(name: StopSignal = 'SIGTERM'): never {
  for (const each of stopSignals) process.removeAllListeners(each);
  process.kill(process.pid, name);
  // The first process of a container ignores signals without a listener, so it exits here.
  process.exit(128 + constants.signals[name]);
}

function withResolver(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
