import type { ExecutionResult } from 'graphql';
import type { SubscriptionSlot } from '../../context/subscription-quota.ts';
import type { SubscriptionEnd } from '../../metrics/subscriptions.ts';
import type { TraceLink } from '../../tracing/trace.ts';
import { type ExecutionGroup, PendingResult } from './execution-group.ts';

export interface GroupMemberOptions {
  readonly group: ExecutionGroup;
  /** The slot of the subscription in the quotas. Ended with the subscription, for any reason. */
  readonly slot: SubscriptionSlot;
  /** Span of the subscription; null: it is not recorded. */
  readonly link: TraceLink | null;
}

/** One subscriber of a group, from its construction until it leaves. It requests results in sequence. */
export class GroupMember {
  /** Null after the member has left. */
  #group: ExecutionGroup | null;
  readonly #slot: SubscriptionSlot;
  readonly #link: TraceLink | null;
  /** The result that the member waits for. */
  #pending: PendingResult | null = null;

  constructor({ group, slot, link }: GroupMemberOptions) {
    this.#group = group;
    this.#slot = slot;
    this.#link = link;
    group.join(link);
  }

  get left(): boolean {
    return this.#group === null;
  }

  /** The result of an event; a promise if it depends on reads. A member that has left must not call it. */
  resultOf(event: unknown): ExecutionResult | Promise<ExecutionResult> {
    if (this.#group === null) throw new Error('The member has left its group.');
    const result = this.#group.resultOf(event);
    this.#slot.delivered();
    return result instanceof PendingResult ? this.#wait(result) : result;
  }

  /** Stops the reads that no other member waits for. A second call does nothing. */
  leave(reason: SubscriptionEnd): void {
    const group = this.#group;
    if (group === null) return;
    this.#group = null;
    group.leave(this.#link);
    this.#pending?.leave();
    this.#slot.end(reason);
  }

  #wait(pending: PendingResult): Promise<ExecutionResult> {
    this.#pending = pending;
    return pending.wait().finally(() => {
      this.#pending = null;
    });
  }
}
