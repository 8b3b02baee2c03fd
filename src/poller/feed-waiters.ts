import type { FeedMember } from './feed-members.ts';

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

/** The members of a feed that cannot begin yet. */
export class FeedWaiters<Reader> {
  readonly #waiters = new Map<FeedMember<Reader>, Waiter>();

  get size(): number {
    return this.#waiters.size;
  }

  /** The members that wait now. */
  get members(): readonly FeedMember<Reader>[] {
    return [...this.#waiters.keys()];
  }

  has(member: FeedMember<Reader>): boolean {
    return this.#waiters.has(member);
  }

  /** Resolves with `settle`; never when the member is deleted before. */
  wait(member: FeedMember<Reader>): Promise<void> {
    return new Promise((resolve, reject) => this.#waiters.set(member, { resolve, reject }));
  }

  delete(member: FeedMember<Reader>): void {
    this.#waiters.delete(member);
  }

  /** Lets those begin for whom this is enough. */
  settle(suffices: (member: FeedMember<Reader>) => boolean): void {
    for (const [member, { resolve }] of this.#waiters) {
      if (!suffices(member)) continue;
      this.#waiters.delete(member);
      resolve();
    }
  }

  /** @param fails the members that the error concerns. @default all */
  reject(error: unknown, fails: (member: FeedMember<Reader>) => boolean = () => true): void {
    for (const [member, waiter] of this.#waiters) {
      if (!fails(member)) continue;
      this.#waiters.delete(member);
      waiter.reject(error);
    }
  }
}
