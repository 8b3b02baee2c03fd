import type { ExecutionResult } from 'graphql';
import { type ExecutionGroup, PendingResult } from './execution-group.ts';

export interface GroupMemberOptions {
  readonly group: ExecutionGroup;
  /** Disposed of when the subscription has ended, whoever ended it. */
  readonly place: Disposable;
}

/** One subscriber of a group, from when it is made until it leaves. It asks for one result after the other. */
export class GroupMember {
  readonly #group: ExecutionGroup;
  readonly #place: Disposable;
  /** A result that is waited for. */
  #pending: PendingResult | null = null;
  #left = false;

  constructor({ group, place }: GroupMemberOptions) {
    this.#group = group;
    this.#place = place;
    group.join();
  }

  get left(): boolean {
    return this.#left;
  }

  /** What the group is told of an event; a promise where that takes its time. */
  resultOf(event: unknown): ExecutionResult | Promise<ExecutionResult> {
    const result = this.#group.resultOf(event);
    return result instanceof PendingResult ? this.#wait(result) : result;
  }

  /** Gives up what nobody else waits for. Does nothing the second time. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#group.leave();
    this.#pending?.leave();
    this.#place[Symbol.dispose]();
  }

  #wait(pending: PendingResult): Promise<ExecutionResult> {
    this.#pending = pending;
    return pending.wait().finally(() => {
      this.#pending = null;
    });
  }
}
