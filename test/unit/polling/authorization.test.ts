import { describe, expect, it } from 'vitest';
import { ForbiddenError, UnauthenticatedError, UpstreamUnreachableError } from '../../../src/errors.ts';
import { AuthorizationLeases, type LeaseHolder } from '../../../src/polling/authorization.ts';
import { defaultPolling } from '../../support/default-config.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const minute = 60_000;

/** Creates subscribers with credentials whose proofs have the verdicts of the test. */
function setUp({ random = () => 0 }: { readonly random?: () => number } = {}) {
  const clock = new FakeClock();
  const leases = new AuthorizationLeases({ clock, leaseMs: defaultPolling.authorizationLeaseMs, random });
  /** Errors by credential. */
  const verdicts = new Map<string, Error>();
  /** Errors by entity id. */
  const entityVerdicts = new Map<string, Error>();
  const missing = new Set<string>();
  const proofs: string[] = [];
  const losses: [name: string, error: Error][] = [];
  /** Functions that release the pending proofs. */
  const answers: (() => void)[] = [];
  let held = false;
  let inFlight = 0;
  let mostInFlight = 0;
  const answer = async (credential: string, id: string | null) => {
    const verdict = verdicts.get(credential) ?? (id === null ? undefined : entityVerdicts.get(id));
    inFlight += 1;
    mostInFlight = Math.max(mostInFlight, inFlight);
    if (held) await new Promise<void>((resolve) => answers.push(resolve));
    else await Promise.resolve();
    inFlight -= 1;
    if (verdict !== undefined) throw verdict;
  };
  const hold = (
    name: string,
    credential: string,
    { ids = null, resumes = false }: Partial<Pick<LeaseHolder, 'ids' | 'resumes'>> = {},
    signal = new AbortController().signal,
  ) =>
    leases.hold(
      {
        credential,
        ids,
        resumes,
        prove: () => {
          proofs.push(name);
          return answer(credential, null);
        },
        proveOne: async (id) => {
          proofs.push(`${name} ${id}`);
          if (missing.has(id)) return false;
          await answer(credential, id);
          return true;
        },
        onLost: (error) => losses.push([name, error]),
      },
      signal,
    );
  /** Holds back responses to proofs until the returned function is called. */
  const holdAnswers = () => {
    held = true;
    return () => {
      held = false;
      for (const resolve of answers.splice(0)) resolve();
    };
  };
  return {
    clock,
    leases,
    verdicts,
    entityVerdicts,
    missing,
    proofs,
    losses,
    hold,
    holdAnswers,
    mostInFlight: () => mostInFlight,
  };
}

const upstream = { service: 'export', status: 401, requestId: 'r-1', code: '401013', title: null };
const refused = new UnauthenticatedError({ message: 'no', upstream });
const forbidden = new ForbiddenError({ message: 'no', upstream: { ...upstream, status: 403 } });
const silent = new UpstreamUnreachableError({ message: 'nothing' });

describe('the right to watch', () => {
  it('is proved again every five minutes, once for all holders with the same credential', async () => {
    const { clock, proofs, hold } = setUp();
    using _a = await hold('a', 'one');
    using _b = await hold('b', 'one');
    using _c = await hold('c', 'two');
    proofs.length = 0;
    await clock.advanceBy(5 * minute - 1);
    expect(proofs).toEqual([]);
    await clock.advanceBy(1);
    expect(proofs).toEqual(['a', 'c']);
    await clock.advanceBy(5 * minute);
    expect(proofs).toEqual(['a', 'c', 'a', 'c']);
  });

  it('is proved at times that are spread, but never later than the lease', async () => {
    const { clock, proofs, hold } = setUp({ random: () => 0.5 });
    using _a = await hold('a', 'one');
    await clock.advanceBy(4.5 * minute - 1);
    expect(proofs).toEqual(['a']);
    await clock.advanceBy(1);
    expect(proofs).toEqual(['a', 'a']);
  });

  it('is timed from the latest proof of the credential, including proofs of other subscriptions', async () => {
    const { clock, proofs, hold } = setUp();
    using _a = await hold('a', 'one');
    await clock.advanceBy(4 * minute);
    using _b = await hold('b', 'one');
    await clock.advanceBy(4 * minute);
    expect(proofs).toEqual(['a', 'b']);
    await clock.advanceBy(1 * minute);
    expect(proofs).toEqual(['a', 'b', 'a']);
  });

  describe.each([
    ['TOKEN_EXPIRED', refused, 'The platform no longer accepts the token.'],
    ['FORBIDDEN', forbidden, 'The platform no longer permits this subscription.'],
  ])('ends with %s', (code, verdict, message) => {
    it('for all holders with the credential, and only for them, after two rejections a second apart', async () => {
      const { clock, verdicts, proofs, losses, hold } = setUp();
      using _a = await hold('a', 'one');
      using _b = await hold('b', 'one');
      using _c = await hold('c', 'two');
      verdicts.set('one', verdict);
      proofs.length = 0;
      await clock.advanceBy(5 * minute);
      expect([proofs, losses]).toEqual([['a', 'c'], []]);
      await clock.advanceBy(999);
      expect([proofs, losses]).toEqual([['a', 'c'], []]);
      await clock.advanceBy(1);
      expect(losses).toMatchObject([
        ['a', { code, message, upstream: verdict.upstream }],
        ['b', { code, message, upstream: verdict.upstream }],
      ]);
      await clock.advanceBy(5 * minute);
      expect(proofs).toEqual(['a', 'c', 'a', 'c']);
    });

    it('only if the next proof confirms the rejection, however often rejections occur', async () => {
      const { clock, verdicts, proofs, losses, hold } = setUp();
      using _a = await hold('a', 'one');
      for (let lease = 1; lease <= 3; lease += 1) {
        verdicts.set('one', verdict);
        await clock.advanceBy(5 * minute);
        verdicts.clear();
        await clock.advanceBy(1_000);
      }
      expect([proofs.length, losses]).toEqual([1 + 3 * 2, []]);
    });

    it('after a confirming proof that follows a proof without a verdict', async () => {
      const { clock, verdicts, losses, hold } = setUp();
      using _a = await hold('a', 'one');
      verdicts.set('one', verdict);
      await clock.advanceBy(5 * minute);
      verdicts.set('one', silent);
      await clock.advanceBy(1_000);
      verdicts.set('one', verdict);
      await clock.advanceBy(9_999);
      expect(losses).toEqual([]);
      await clock.advanceBy(1);
      expect(losses).toMatchObject([['a', { code }]]);
    });

    it('by the rejection of a new subscription only if a second proof confirms it', async () => {
      const { clock, verdicts, losses, hold } = setUp();
      using _a = await hold('a', 'one');
      await clock.advanceBy(minute);
      for (const isConfirmed of [false, true]) {
        verdicts.set('one', verdict);
        for (const name of ['b', 'c']) await expect(hold(name, 'one')).rejects.toBe(verdict);
        await clock.advanceBy(999);
        expect(losses).toEqual([]);
        if (!isConfirmed) verdicts.clear();
        await clock.advanceBy(1);
        if (isConfirmed) break;
        // The successful proof is shared with new subscribers until then.
        await clock.advanceBy(5_000);
      }
      expect(losses).toMatchObject([['a', { code }]]);
    });

    it('only after rejections without a successful proof between them', async () => {
      const { clock, verdicts, losses, hold } = setUp();
      using _a = await hold('a', 'one');
      verdicts.set('one', verdict);
      await clock.advanceBy(5 * minute);
      verdicts.clear();
      using _b = await hold('b', 'one');
      verdicts.set('one', verdict);
      await clock.advanceBy(5 * minute);
      expect(losses).toEqual([]);
      await clock.advanceBy(1_000);
      expect(losses).toHaveLength(2);
    });

    it('although a proof that was requested before the rejection succeeds after it', async () => {
      const { clock, verdicts, losses, hold, holdAnswers } = setUp();
      using _a = await hold('a', 'one');
      await clock.advanceBy(minute);
      const release = holdAnswers();
      const coming = hold('b', 'one');
      verdicts.set('one', verdict);
      await clock.advanceBy(4 * minute);
      release();
      using _b = await coming;
      await clock.advanceBy(1_000);
      expect(losses).toMatchObject([
        ['a', { code }],
        ['b', { code }],
      ]);
    });
  });

  it('is proved at once after an invalidation, and ends only when two proofs are rejected', async () => {
    const { clock, leases, verdicts, proofs, losses, hold } = setUp();
    using _a = await hold('a', 'one');
    await clock.advanceBy(1_000);
    leases.invalidate('one');
    leases.invalidate('two');
    await clock.advanceBy(0);
    expect(proofs).toEqual(['a', 'a']);
    verdicts.set('one', refused);
    leases.invalidate('one');
    await clock.advanceBy(0);
    // Further invalidations do not advance the confirmation.
    for (let count = 0; count < 3; count += 1) {
      await clock.advanceBy(333);
      leases.invalidate('one');
      await clock.advanceBy(0);
    }
    expect([proofs.length, losses]).toEqual([3, []]);
    await clock.advanceBy(1);
    expect(losses).toMatchObject([['a', { code: 'TOKEN_EXPIRED' }]]);
  });

  it('survives a platform that does not respond for a while', async () => {
    const { clock, verdicts, proofs, losses, hold } = setUp();
    using _a = await hold('a', 'one');
    verdicts.set('one', silent);
    await clock.advanceBy(5 * minute + 30_000);
    expect(proofs).toHaveLength(1 + 4);
    verdicts.clear();
    await clock.advanceBy(10_000);
    await clock.advanceBy(5 * minute - 1);
    expect([proofs.length, losses]).toEqual([1 + 5, []]);
  });

  it('ends when no proof gave a verdict for two leases', async () => {
    const { clock, verdicts, losses, hold } = setUp();
    using _a = await hold('a', 'one');
    verdicts.set('one', silent);
    await clock.advanceBy(10 * minute - 1);
    expect(losses).toEqual([]);
    await clock.advanceBy(1);
    expect(losses).toEqual([['a', silent]]);
  });

  it('is no longer proved when its last holder has left, and leaves no timer', async () => {
    const { clock, proofs, hold } = setUp();
    const a = await hold('a', 'one');
    const b = await hold('b', 'one');
    await clock.advanceBy(minute);
    a[Symbol.dispose]();
    expect(clock.pending()).toBe(1);
    b[Symbol.dispose]();
    expect(clock.pending()).toBe(0);
    proofs.length = 0;
    await clock.advanceBy(10 * minute);
    expect(proofs).toEqual([]);
  });

  it('is proved again for a subscriber that arrives before the last holder leaves', async () => {
    const { clock, leases, proofs, hold, holdAnswers } = setUp();
    const leaving = await hold('a', 'one');
    await clock.advanceBy(minute);
    const respond = holdAnswers();
    const arriving = hold('b', 'one');
    leaving[Symbol.dispose]();
    await clock.advanceBy(0);
    respond();
    using _b = await arriving;
    expect(leases.size.leases).toBe(1);
    proofs.length = 0;
    await clock.advanceBy(5 * minute);
    expect(proofs).toEqual(['b']);
    leases.invalidate('one');
    await clock.advanceBy(0);
    expect(proofs).toEqual(['b', 'b']);
  });

  it('is not reported as lost when its holders leave during a proof', async () => {
    const { clock, proofs, losses, hold, holdAnswers } = setUp();
    const held = await hold('a', 'one');
    holdAnswers();
    await clock.advanceBy(5 * minute);
    expect(proofs).toEqual(['a', 'a']);
    held[Symbol.dispose]();
    await clock.advanceBy(minute);
    expect([losses, clock.pending()]).toEqual([[], 0]);
  });

  it('leaves nothing in memory when its last holders have left', async () => {
    const { clock, leases, verdicts, hold } = setUp();
    for (let round = 0; round < 3; round += 1) {
      const credentials = Array.from({ length: 100 }, (_, index) => `number ${index} of ${round}`);
      const held = await Promise.all(
        credentials.flatMap((name) => [hold('a', name, { ids: ['1', '2'] }), hold('b', name)]),
      );
      expect(leases.size.leases).toBe(100);
      for (const each of held) each[Symbol.dispose]();
      verdicts.set('refused', refused);
      await expect(hold('c', 'refused')).rejects.toBe(refused);
      const leaving = new AbortController();
      const given = hold('d', 'given up', {}, leaving.signal);
      leaving.abort(new Error('left'));
      await expect(given).rejects.toThrow('left');
      expect([leases.size.leases, clock.pending()]).toEqual([0, 0]);
      await clock.advanceBy(5_000);
    }
  });
});

describe('a proof', () => {
  it('serves all new subscribers with the same credential within five seconds, and no others', async () => {
    const { clock, proofs, hold } = setUp();
    using _a = await hold('a', 'one');
    await clock.advanceBy(4_999);
    using _b = await hold('b', 'one');
    using _c = await hold('c', 'two');
    expect(proofs).toEqual(['a', 'c']);
    await clock.advanceBy(1);
    using _d = await hold('d', 'one');
    expect(proofs).toEqual(['a', 'c', 'd']);
  });

  it('serves subscribers that reconnect, and is made again when it is old', async () => {
    const { clock, proofs, hold } = setUp();
    (await hold('a', 'one'))[Symbol.dispose]();
    await clock.advanceBy(4_000);
    using _b = await hold('b', 'one');
    await clock.advanceBy(5 * minute - 4_001);
    expect(proofs).toEqual(['a']);
    await clock.advanceBy(1);
    expect(proofs).toEqual(['a', 'b']);
  });

  it.each([refused, silent])('that fails is requested again by each new subscriber: $message', async (verdict) => {
    const { clock, verdicts, proofs, hold } = setUp();
    verdicts.set('one', verdict);
    for (const name of ['a', 'b']) await expect(hold(name, 'one')).rejects.toBe(verdict);
    verdicts.clear();
    using _c = await hold('c', 'one');
    expect(proofs).toEqual(['a', 'b', 'c']);
    await clock.advanceBy(0);
    expect(proofs).toEqual(['a', 'b', 'c']);
  });

  it('no longer serves new subscribers after its credential was rejected', async () => {
    const { leases, proofs, hold } = setUp();
    (await hold('a', 'one'))[Symbol.dispose]();
    leases.invalidate('one');
    using _b = await hold('b', 'one');
    expect(proofs).toEqual(['a', 'b']);
  });

  it('serves no new subscriber if its credential was rejected during the proof', async () => {
    const { clock, leases, proofs, hold, holdAnswers } = setUp();
    const answer = holdAnswers();
    const coming = hold('a', 'one');
    leases.invalidate('one');
    answer();
    using _a = await coming;
    expect(proofs).toEqual(['a', 'a']);
    await clock.advanceBy(0);
    using _b = await hold('b', 'one');
    expect(proofs).toEqual(['a', 'a']);
  });

  it('is kept for new subscribers for five seconds', async () => {
    const { clock, leases, hold } = setUp();
    (await hold('a', 'one'))[Symbol.dispose]();
    (await hold('b', 'two'))[Symbol.dispose]();
    const come = async () => (await hold('c', 'three'))[Symbol.dispose]();
    await clock.advanceBy(4_999);
    await come();
    expect(leases.size.sharedProofs).toBe(3);
    await clock.advanceBy(1);
    await come();
    expect(leases.size.sharedProofs).toBe(1);
  });

  it('is kept for new subscribers of at most ten thousand credentials', async () => {
    const { leases, proofs, hold } = setUp();
    for (let count = 0; count < 10_000; count += 1) (await hold('a', `number ${count}`))[Symbol.dispose]();
    expect(leases.size.sharedProofs).toBe(10_000);
    (await hold('a', 'one more'))[Symbol.dispose]();
    expect(leases.size.sharedProofs).toBe(10_000);
    proofs.length = 0;
    using _second = await hold('second', 'number 1');
    using _first = await hold('first', 'number 0');
    expect(proofs).toEqual(['first']);
  });
});

describe('the entities that a subscription names', () => {
  it('are read with its own credential, five at a time, instead of the general proof', async () => {
    const { proofs, hold, mostInFlight } = setUp();
    const ids = Array.from({ length: 12 }, (_, index) => `${index}`);
    using _ = await hold('a', 'one', { ids });
    expect(proofs).toEqual(ids.map((id) => `a ${id}`));
    expect(mostInFlight()).toBe(5);
  });

  it('are read once for each credential as long as its lease lives', async () => {
    const { clock, proofs, hold } = setUp();
    const a = await hold('a', 'one', { ids: ['1', '2', '1'] });
    await clock.advanceBy(4 * minute);
    const b = await hold('b', 'one', { ids: ['2', '1'] });
    using _c = await hold('c', 'one', { ids: ['2', '3'] });
    using _d = await hold('d', 'two', { ids: ['1'] });
    expect(proofs).toEqual(['a 1', 'a 2', 'c 3', 'd 1']);
    a[Symbol.dispose]();
    b[Symbol.dispose]();
    using _e = await hold('e', 'one', { ids: ['1'] });
    expect(proofs).toHaveLength(4);
  });

  it('are read again after the lease has ended', async () => {
    const { clock, proofs, hold } = setUp();
    (await hold('a', 'one', { ids: ['1'] }))[Symbol.dispose]();
    await clock.advanceBy(minute);
    using _b = await hold('b', 'one', { ids: ['1'] });
    expect(proofs).toEqual(['a 1', 'b 1']);
  });

  it('are also read by a subscriber that shares a general proof', async () => {
    const { proofs, hold } = setUp();
    using _a = await hold('a', 'one');
    using _b = await hold('b', 'one', { ids: ['1'] });
    using _c = await hold('c', 'one');
    expect(proofs).toEqual(['a', 'b 1']);
  });

  it('do not replace the general proof of a lease in invalidation', async () => {
    const { leases, proofs, hold } = setUp();
    using _a = await hold('a', 'one', { ids: ['1'] });
    leases.invalidate('one');
    using _b = await hold('b', 'one', { ids: ['1'] });
    // The proof of the lease, and the proof of the new subscriber.
    expect(proofs.toSorted()).toEqual(['a', 'a 1', 'b']);
  });

  it('fail only the subscription that names them when the platform does not know them', async () => {
    const { clock, proofs, missing, losses, hold } = setUp();
    using _a = await hold('a', 'one', { ids: ['1'] });
    missing.add('2');
    await expect(hold('b', 'one', { ids: ['1', '2'] })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      id: '2',
      message: 'The platform does not know 2.',
    });
    await clock.advanceBy(minute);
    expect([proofs, losses]).toEqual([['a 1', 'b 2'], []]);
  });

  it('fail only the subscription that names them when the platform forbids them', async () => {
    const { clock, proofs, entityVerdicts, losses, hold } = setUp();
    using _a = await hold('a', 'one', { ids: ['1'] });
    entityVerdicts.set('2', forbidden);
    await expect(hold('b', 'one', { ids: ['2'] })).rejects.toBe(forbidden);
    await clock.advanceBy(minute);
    expect([proofs, losses]).toEqual([['a 1', 'b 2'], []]);
  });

  it('cause an invalidation of the credential when the platform rejects it', async () => {
    const { clock, verdicts, losses, hold } = setUp();
    using _a = await hold('a', 'one');
    verdicts.set('one', refused);
    await expect(hold('b', 'one', { ids: ['1'] })).rejects.toBe(refused);
    await clock.advanceBy(999);
    expect(losses).toEqual([]);
    await clock.advanceBy(1);
    expect(losses).toMatchObject([['a', { code: 'TOKEN_EXPIRED' }]]);
  });

  it('may be gone when the subscription resumes, if another entity or the general proof shows the right', async () => {
    const { clock, proofs, missing, hold } = setUp();
    missing.add('1');
    using _a = await hold('a', 'one', { ids: ['1', '2'], resumes: true });
    expect(proofs.splice(0)).toEqual(['a 1', 'a 2']);
    using _b = await hold('b', 'two', { ids: ['1'], resumes: true });
    expect(proofs.splice(0)).toEqual(['b 1', 'b']);
    // The entity was not read, so the next subscription reads it.
    await clock.advanceBy(minute);
    await expect(hold('c', 'two', { ids: ['1'] })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(hold('d', 'one', { ids: ['1'] })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('do not count as a proof for a resume when they are gone', async () => {
    const { verdicts, missing, hold } = setUp();
    missing.add('1');
    verdicts.set('one', forbidden);
    await expect(hold('a', 'one', { ids: ['1'], resumes: true })).rejects.toBe(forbidden);
  });

  it('are remembered for up to ten thousand ids per credential', async () => {
    const { proofs, hold } = setUp();
    const ids = Array.from({ length: 10_001 }, (_, index) => `${index}`);
    using _a = await hold('a', 'one', { ids });
    proofs.length = 0;
    using _second = await hold('b', 'one', { ids: ['1', '10000'] });
    expect(proofs).toEqual([]);
    using _first = await hold('b', 'one', { ids: ['0'] });
    expect(proofs).toEqual(['b 0']);
  });

  it('are no longer read when the subscriber leaves', async () => {
    const { proofs, leases, hold, holdAnswers } = setUp();
    const release = holdAnswers();
    const leaving = new AbortController();
    const ids = Array.from({ length: 20 }, (_, index) => `${index}`);
    const held = hold('a', 'one', { ids }, leaving.signal);
    leaving.abort(new Error('left'));
    await expect(held).rejects.toThrow('left');
    release();
    await new Promise(setImmediate);
    expect([proofs.length, leases.size.leases]).toEqual([5, 0]);
  });
});
