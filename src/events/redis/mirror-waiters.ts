import { subscriptionsUnavailable } from './errors.ts';

export interface MirrorWait {
  /** Whether the wait lasts until there is a log. */
  readonly needsLog: boolean;
  /** Ends the wait when it aborts. Null: the wait has no such limit. */
  readonly signal: AbortSignal | null;
}

interface Waiter {
  readonly needsLog: boolean;
  resolve(): void;
  reject(error: unknown): void;
}

/** Calls that wait until a mirror is up to date. */
export class MirrorWaiters {
  readonly #waiters = new Set<Waiter>();

  /** @throws {GatewayError} the signal was aborted, or Redis is unreachable */
  wait({ needsLog, signal }: MirrorWait): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        needsLog,
        resolve: () => {
          end();
          resolve();
        },
        reject: (error) => {
          end();
          reject(error);
        },
      };
      const onAbort = () => waiter.reject(subscriptionsUnavailable(signal?.reason));
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** Ends the waits for which an up-to-date mirror suffices. */
  resolve({ hasLog }: { readonly hasLog: boolean }): void {
    for (const waiter of this.#waiters) if (hasLog || !waiter.needsLog) waiter.resolve();
  }

  /** Fails all waits, because Redis is unreachable or the mirror is closed. */
  reject(): void {
    for (const waiter of this.#waiters) waiter.reject(subscriptionsUnavailable());
  }
}
