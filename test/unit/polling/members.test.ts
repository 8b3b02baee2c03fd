import { describe, expect, it } from 'vitest';
import { type FeedMember, FeedMembers } from '../../../src/polling/members.ts';

const memberOf = (credential: string | null, ids: readonly string[] | null = null): FeedMember<string> => ({
  reader: credential ?? 'gateway',
  credential,
  ids: ids && new Set(ids),
  onRefused: () => undefined,
});

function setUp(...credentials: readonly string[]) {
  const members = new FeedMembers<string>();
  const present = credentials.map((credential) => memberOf(credential));
  for (const member of present) members.add(member);
  return { members, present, poller: () => members.poller()?.reader };
}

describe('the scope of the members', () => {
  it('contains everything that a member watches, until the last member has left', () => {
    const { members } = setUp();
    const [everything, again, one, both] = [
      memberOf('e'),
      memberOf('e'),
      memberOf('o', ['a']),
      memberOf('b', ['a', 'b']),
    ];
    expect(members.scope).toEqual({ everything: false, ids: new Set() });
    for (const member of [everything, again, one, both]) members.add(member);
    expect(members.scope).toEqual({ everything: true, ids: new Set(['a', 'b']) });
    expect([members.delete(both), members.delete(both), members.delete(everything)]).toEqual([true, false, true]);
    expect(members.scope).toEqual({ everything: true, ids: new Set(['a']) });
    expect([members.delete(again), members.delete(one)]).toEqual([true, true]);
    expect(members.scope).toEqual({ everything: false, ids: new Set() });
    expect([members.size, members.has(one)]).toEqual([0, false]);
    members.add(one);
    expect(members.scope).toEqual({ everything: false, ids: new Set(['a']) });
    members.add(everything);
    members.delete(one);
    expect(members.scope).toEqual({ everything: true, ids: new Set() });
  });
});

describe('members that watch results', () => {
  it('add its results to the scope, until the last of them has left', () => {
    const { members } = setUp();
    const [all, one, other] = [
      { ...memberOf('all'), withResults: true },
      { ...memberOf('one', ['a']), withResults: true },
      { ...memberOf('other', ['b']), withResults: false },
    ];
    for (const member of [all, one, other]) members.add(member);
    expect(members.scope).toEqual({
      everything: true,
      ids: new Set(['a', 'b']),
      results: { everything: true, ids: new Set(['a']) },
    });
    members.delete(all);
    members.delete(other);
    expect(members.scope.results).toEqual({ everything: false, ids: new Set(['a']) });
    members.delete(one);
    expect(Object.keys(members.scope)).toEqual(['everything', 'ids']);
  });

  it('come first among the readers of results, and each member comes once', () => {
    const { members } = setUp('one', 'two');
    members.add({ ...memberOf('three'), withResults: true });
    members.add({ ...memberOf('four'), withResults: false });
    members.add({ ...memberOf('five'), withResults: true });
    expect(members.resultReaders.map(({ reader }) => reader)).toEqual(['three', 'five', 'one', 'two', 'four']);
  });
});

describe('the member whose reader polls', () => {
  it('is the longest present one, until it leaves; null when all have left', () => {
    const { members, present, poller } = setUp('one', 'two');
    const [one, two] = present;
    expect([poller(), poller()]).toEqual(['one', 'one']);
    if (two !== undefined) members.delete(two);
    expect(poller()).toBe('one');
    if (one !== undefined) members.delete(one);
    expect(poller()).toBeUndefined();
  });

  it('stays the same when a rejected one leaves or another one is rejected', () => {
    const { members, present, poller } = setUp('one', 'two', 'three');
    const [one, , three] = present;
    if (one === undefined || three === undefined) throw new Error('They are present.');
    expect([members.refuse(one), poller()]).toEqual([true, 'two']);
    expect([members.refuse(three), poller()]).toEqual([true, 'two']);
    members.delete(one);
    // A rejected member that has left no longer counts, so one of the other two is not rejected.
    expect([members.refuse(three), poller()]).toEqual([true, 'two']);
  });

  it('is the longest present one again when all were rejected', () => {
    const { members, present, poller } = setUp('one', 'two');
    expect(poller()).toBe('one');
    expect(present.map((member) => members.refuse(member))).toEqual([true, false]);
    expect(poller()).toBe('one');
    // The rejections were reset, so the other one is not rejected.
    expect(present.slice(0, 1).map((member) => members.refuse(member))).toEqual([true]);
    expect(poller()).toBe('two');
  });

  it('is not one with a rejected credential, whichever of its members was rejected', () => {
    const { members, present, poller } = setUp('one', 'one', 'two', 'one');
    const [one, again, two] = present;
    if (one === undefined || again === undefined || two === undefined) throw new Error('They are present.');
    expect(poller()).toBe('one');
    members.delete(again);
    expect([members.refuse(again), poller()]).toEqual([true, 'two']);
    expect([members.isRefused(one), members.isRefused(again), members.isRefused(two)]).toEqual([true, false, false]);
    expect([members.refuse(two), members.isRefused(two)]).toEqual([false, true]);
  });

  it('can be limited to those that name an id', () => {
    const members = new FeedMembers<string>();
    for (const member of [memberOf('all'), memberOf('other', ['b']), memberOf('named', ['a', 'b'])])
      members.add(member);
    expect([members.handOver(new Set(['all']), 'a'), members.poller()?.reader]).toEqual([true, 'named']);
    expect([members.handOver(new Set(['named']), 'a'), members.poller()?.reader]).toEqual([false, 'named']);
  });

  it('does not count a member whose rejection arrives after it left', () => {
    const { members, present, poller } = setUp('one', 'two');
    const [one] = present;
    if (one === undefined) throw new Error('It is present.');
    members.delete(one);
    expect([members.refuse(one), poller()]).toEqual([true, 'two']);
  });

  it('changes to one with another credential that was not rejected, if there is one', () => {
    const { members, present, poller } = setUp('one', 'one', 'one', 'two', 'three');
    const [one, again, , two] = present;
    if (one === undefined || again === undefined || two === undefined) throw new Error('It is present.');
    members.refuse(two);
    expect([members.handOver(new Set(['one'])), poller()]).toEqual([true, 'three']);
    expect([members.handOver(new Set(['one', 'three'])), poller()]).toEqual([false, 'three']);
    // Other members leave or are rejected in the meantime.
    expect([members.delete(again), poller()]).toEqual([true, 'three']);
    expect([members.refuse(one), poller()]).toEqual([true, 'three']);
  });
});
