import type { ExecutionResult } from 'graphql';
import { GroupMember, type GroupMemberOptions } from './group-member.ts';

const end: IteratorReturnResult<undefined> = { done: true, value: undefined };

export interface SharedStreamOptions extends GroupMemberOptions {
  readonly events: AsyncIterator<unknown>;
}

/** The results of one subscriber: those of its group, for the events of its own source. They are read one by one. */
export class SharedStream implements AsyncIterableIterator<ExecutionResult, undefined> {
  readonly #events: AsyncIterator<unknown>;
  readonly #member: GroupMember;

  constructor({ events, ...options }: SharedStreamOptions) {
    this.#events = events;
    this.#member = new GroupMember(options);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<ExecutionResult, undefined>> {
    const member = this.#member;
    try {
      const { done, value: event } = await this.#events.next();
      if (done === true) member.leave();
      if (member.left) return end;
      const value = await member.resultOf(event);
      return member.left ? end : { done: false, value };
    } catch (error) {
      await this.return();
      throw error;
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#member.leave();
    await this.#events.return?.();
    return end;
  }
}
