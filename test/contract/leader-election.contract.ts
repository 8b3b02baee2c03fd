import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { FeedName, LeaderElection, LeaderElections, PollMessage } from '../../src/polling/leader/election.ts';
import type { WatchScope } from '../../src/polling/scope.ts';
import { eventually } from '../support/eventually.ts';
import { namesakeOf, tenantOf } from '../support/tenants.ts';

/** Elections of several replicas, which share everything except the process. */
export type MakeReplicas = () => {
  replica(): LeaderElections;
  /** Everything that the replicas store for these feeds, by kind. */
  held(feeds: readonly FeedName[]): Promise<Readonly<Record<string, number>>>;
} & AsyncDisposable;

const { signal: never } = new AbortController();
let feeds = 0;
/** A feed that no other test uses. */
const ownFeed = (): FeedName => {
  feeds += 1;
  return { tenant: tenantOf('prod'), kind: `feed-${feeds}` };
};

/** Joins a feed, and records the calls of its listener. */
function join(elections: LeaderElections, feed: FeedName) {
  const received: PollMessage[] = [];
  const terms: (number | null)[] = [];
  const holders: string[] = [];
  const election: LeaderElection = elections.join(feed, {
    received: (message) => received.push(message),
    termChanged: (holder) => {
      terms.push(election.term);
      holders.push(holder);
    },
    unreachable: () => undefined,
  });
  return { election, received, terms, holders };
}

/** Tests that every implementation of LeaderElections must pass. */
export function leaderElectionContract(name: string, make: MakeReplicas): void {
  describe(`${name} as leader elections`, () => {
    it('lets one replica poll at a time, with increasing terms', async () => {
      await using group = make();
      const feed = ownFeed();
      await using first = join(group.replica(), feed).election;
      await using second = join(group.replica(), feed).election;
      const lease = await first.acquireLease(never);
      let took = false;
      const taking = second.acquireLease(never).then((next) => {
        took = true;
        return next;
      });
      await eventually(() => expect(second.term).toBe(lease.term));
      expect([took, first.term]).toEqual([false, lease.term]);
      await lease.release();
      const next = await taking;
      expect(next.term).toBeGreaterThan(lease.term);
      expect([lease.lost.aborted, next.lost.aborted]).toEqual([false, false]);
    });

    it('reports the current leader to its candidates', async () => {
      await using group = make();
      const feed = ownFeed();
      await using first = join(group.replica(), feed).election;
      const other = join(group.replica(), feed);
      await using second = other.election;
      const lease = await first.acquireLease(never);
      const taking = second.acquireLease(never);
      await eventually(() => expect(other.terms.at(-1)).toBe(lease.term));
      await lease.release();
      const next = await taking;
      expect(other.terms.at(-1)).toBe(next.term);
      expect([other.holders[0], other.holders.at(-1)]).toEqual(['elsewhere', 'here']);
      await next.release();
      expect([other.terms.at(-1), other.holders.at(-1)]).toEqual([null, 'none']);
    });

    it('passes the lease of a replica that leaves to the next one', async () => {
      await using group = make();
      const feed = ownFeed();
      const first = join(group.replica(), feed).election;
      await using second = join(group.replica(), feed).election;
      const lease = await first.acquireLease(never);
      const taking = second.acquireLease(never);
      await first[Symbol.asyncDispose]();
      expect((await taking).term).toBeGreaterThan(lease.term);
    });

    it('elects no candidate that has withdrawn', async () => {
      await using group = make();
      const feed = ownFeed();
      await using first = join(group.replica(), feed).election;
      await using second = join(group.replica(), feed).election;
      await using third = join(group.replica(), feed).election;
      const lease = await first.acquireLease(never);
      const controller = new AbortController();
      const given = expect(second.acquireLease(controller.signal)).rejects.toThrow('enough');
      controller.abort(new Error('enough'));
      await given;
      await expect(second.acquireLease(controller.signal)).rejects.toThrow('enough');
      await lease.release();
      expect((await third.acquireLease(never)).term).toBeGreaterThan(lease.term);
    });

    it('separates feeds with different organization, sandbox or kind', async () => {
      await using group = make();
      const feed = ownFeed();
      const feeds: readonly FeedName[] = [
        feed,
        { ...feed, tenant: tenantOf('dev') },
        { ...feed, tenant: namesakeOf(feed.tenant) },
        { ...feed, kind: `${feed.kind}-too` },
      ];
      const joined = feeds.map((each) => join(group.replica(), each).election);
      for (const election of joined) await election.acquireLease(never);
      for (const [index, election] of joined.entries()) {
        await election.publishScope({ everything: false, ids: new Set([`${index}`]) });
        expect(await election.otherScopes()).toBe(null);
      }
      for (const election of joined) await election[Symbol.asyncDispose]();
    });

    it('delivers messages to all other candidates of the feed, and to no other feed', async () => {
      await using group = make();
      const feed = ownFeed();
      const speaker = join(group.replica(), feed);
      const listeners = [join(group.replica(), feed), join(group.replica(), feed)];
      const strangers = [tenantOf('dev'), namesakeOf(feed.tenant)].map((tenant) =>
        join(group.replica(), { ...feed, tenant }),
      );
      const failure = {
        code: 'RATE_LIMITED',
        message: 'slow',
        retryable: true,
        retryAfterMs: 5,
        upstream: null,
      } as const;
      const messages: readonly PollMessage[] = [
        { kind: 'failed', failure, id: 'a "quoted" id' },
        { kind: 'failed', failure: null, id: null },
      ];
      for (const message of messages) {
        await eventually(async () => {
          await speaker.election.send(message);
          for (const { received } of listeners) expect(received.at(-1)).toEqual(message);
        });
      }
      expect([speaker, ...strangers].map(({ received }) => received)).toEqual([[], [], []]);
      for (const { election } of [speaker, ...listeners, ...strangers]) await election[Symbol.asyncDispose]();
    });

    it('delivers messages of a replica that is no candidate', async () => {
      await using group = make();
      const feed = ownFeed();
      const listener = join(group.replica(), feed);
      await using _election = listener.election;
      const outside = group.replica();
      await eventually(async () => {
        await outside.send(feed, { kind: 'nudge' });
        expect(listener.received.at(-1)).toEqual({ kind: 'nudge' });
      });
    });

    it('returns the scope that all other replicas watch, as long as they do', async () => {
      await using group = make();
      const feed = ownFeed();
      await using one = join(group.replica(), feed).election;
      await using other = join(group.replica(), feed).election;
      const third = join(group.replica(), feed).election;
      const others = (expected: WatchScope | null) =>
        eventually(async () => expect(await one.otherScopes()).toEqual(expected));
      await others(null);
      await one.publishScope({ everything: true, ids: new Set(['own']) });
      expect(await one.otherScopes()).toBe(null);
      await other.publishScope({ everything: false, ids: new Set(['a', 'an "id" with spaces']) });
      await others({ everything: false, ids: new Set(['a', 'an "id" with spaces']) });
      await third.publishScope({ everything: false, ids: new Set(['b']) });
      await other.publishScope({ everything: false, ids: new Set(['a', 'c']) });
      await others({ everything: false, ids: new Set(['a', 'b', 'c']) });
      await other.publishScope({ everything: true, ids: new Set() });
      await others({ everything: true, ids: new Set(['b']) });
      await other.publishScope(null);
      await others({ everything: false, ids: new Set(['b']) });
      const results = { everything: false, ids: new Set(['a', '+']) };
      await other.publishScope({ everything: false, ids: new Set(['a', '+', '=b']), results });
      await others({ everything: false, ids: new Set(['a', '+', '=b', 'b']), results });
      await other.publishScope({
        everything: true,
        ids: new Set(['a']),
        results: { everything: true, ids: new Set(['a']) },
      });
      await others({ everything: true, ids: new Set(['a', 'b']), results: { everything: true, ids: new Set(['a']) } });
      await other.publishScope({ everything: true, ids: new Set() });
      await others({ everything: true, ids: new Set(['b']) });
      await other.publishScope(null);
      await third[Symbol.asyncDispose]();
      await others(null);
    });

    it('delivers the scope of a candidate before the messages that it sends afterwards', async () => {
      await using group = make();
      const feed = ownFeed();
      const seen: Promise<WatchScope | null>[] = [];
      const elections = group.replica();
      await using election: LeaderElection = elections.join(feed, {
        received: () => seen.push(election.otherScopes()),
        termChanged: () => undefined,
        unreachable: () => undefined,
      });
      await election.acquireLease(never);
      await using other = join(group.replica(), feed).election;
      void other.publishScope({ everything: false, ids: new Set(['a']) });
      await other.send({ kind: 'awaited' });
      await eventually(() => expect(seen).toHaveLength(1));
      expect(await seen[0]).toEqual({ everything: false, ids: new Set(['a']) });
    });

    it('stores nothing for released candidates', async () => {
      await using group = make();
      const names = Array.from({ length: 20 }, ownFeed);
      const feeds = names.flatMap((name) => [name, { ...name, tenant: namesakeOf(name.tenant) }]);
      const signals: AbortSignal[] = [never];
      const received: PollMessage[] = [];
      for (const feed of feeds) {
        const joined = [1, 2, 3].map(() => join(group.replica(), feed));
        const [holder, ...others] = joined.map(({ election }) => election);
        await holder?.acquireLease(never);
        const candidacy = new AbortController();
        signals.push(candidacy.signal);
        const waiting = others.map((election) =>
          expect(election.acquireLease(candidacy.signal)).rejects.toThrow('enough'),
        );
        await Promise.all(
          joined.map(({ election }, index) =>
            election.publishScope({ everything: index === 0, ids: new Set(['a', `${index}`]) }),
          ),
        );
        await holder?.otherScopes();
        candidacy.abort(new Error('enough'));
        await Promise.all(waiting);
        for (const { election } of joined) await election[Symbol.asyncDispose]();
        await group.replica().send(feed, { kind: 'nudge' });
        received.push(...joined.flatMap((each) => each.received));
      }
      const held = async () => ({
        ...(await group.held(feeds)),
        listeners: signals.flatMap((signal) => getEventListeners(signal, 'abort')).length,
      });
      await eventually(async () => expect(Object.entries(await held()).filter(([, count]) => count > 0)).toEqual([]));
      expect(received).toEqual([]);
    });
  });
}
