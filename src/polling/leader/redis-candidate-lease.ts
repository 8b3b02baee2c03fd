import type { Lease } from './election.ts';

/** The lease of a candidate. */
export class CandidateLease implements Lease {
  readonly term: number;
  readonly #lost = new AbortController();
  readonly #release: (lease: CandidateLease) => Promise<void>;

  constructor(term: number, release: (lease: CandidateLease) => Promise<void>) {
    this.term = term;
    this.#release = release;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  release(): Promise<void> {
    return this.#release(this);
  }

  lose(): void {
    this.#lost.abort();
  }
}
