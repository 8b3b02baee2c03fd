import type { FeedMember } from './members.ts';

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

/** Members of a feed that wait for a state to begin with. */
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

  /** Resolves with `settle`. It never resolves when the member is deleted first. */
  wait(member: FeedMember<Reader>): Promise<void> {
    return new Promise((resolve, reject) => this.#waiters.set(member, { resolve, reject }));
  }

  delete(member: FeedMember<Reader>): void {
    this.#waiters.delete(member);
  }

  /** Resolves the wait of the members for which the current state suffices. */
  settle(suffices: (member: FeedMember<Reader>) => boolean): void {
    for (const [member, { resolve }] of this.#waiters) {
      if (!suffices(member)) continue;
      this.#waiters.delete(member);
      resolve();
    }
  }

  /**
   * @param fails whether the error concerns a member.
   * @default all members
   */
  reject(error: unknown, fails: (member: FeedMember<Reader>) => boolean = () => true): void {
    for (const [member, waiter] of this.#waiters) {
      if (!fails(member)) continue;
      this.#waiters.delete(member);
      waiter.reject(error);
    }
  }
}
