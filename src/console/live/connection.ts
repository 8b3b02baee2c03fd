import type { Failure } from '../app/failure.ts';
import { ValueStore } from '../app/value-store.ts';

/** State of the socket that carries all live views. */
export type Connection =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open' }
  /** `lastContactAt`: the time of the last message, in milliseconds since 1970; null if there was none. */
  | { readonly kind: 'lost'; readonly lastContactAt: number | null }
  /** The gateway has ended a live view for a reason that passes. */
  | { readonly kind: 'interrupted'; readonly failure: Failure; readonly lastContactAt: number | null };

/** Follows the socket. */
export class ConnectionStore extends ValueStore<Connection> {
  #lastContactAt: number | null = null;

  constructor() {
    super({ kind: 'connecting' });
  }

  connected(at: number): void {
    this.contact(at);
    this.set({ kind: 'open' });
  }

  /** A message has arrived. */
  contact(at: number): void {
    this.#lastContactAt = at;
    if (this.get().kind === 'interrupted') this.set({ kind: 'open' });
  }

  lost(): void {
    if (this.get().kind !== 'lost') this.set({ kind: 'lost', lastContactAt: this.#lastContactAt });
  }

  interrupted(failure: Failure): void {
    this.set({ kind: 'interrupted', failure, lastContactAt: this.#lastContactAt });
  }
}
