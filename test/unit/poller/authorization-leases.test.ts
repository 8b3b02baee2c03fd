import { describe, expect, it } from 'vitest';
import { ForbiddenError, UnauthenticatedError, UpstreamUnreachableError } from '../../../src/errors.ts';
import { AuthorizationLeases } from '../../../src/poller/authorization-leases.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const minute = 60_000;

/** Subscribers with credentials whose proofs come out as the test says. */
function setUp({ random = () => 0 }: { readonly random?: () => number } = {}) {
  const clock = new FakeClock();
  const leases = new AuthorizationLeases({ clock, random });
  const verdicts = new Map<string, Error>();
  const proofs: string[] = [];
  const losses: [name: string, error: Error][] = [];
  /** What is told to a proof that waits. */
  const answers: (() => void)[] = [];
  let held = false;
  const hold = (name: string, credential: string) =>
    leases.hold(
      {
        credential,
        prove: async () => {
          proofs.push(name);
          const verdict = verdicts.get(credential);
          if (held) await new Promise<void>((resolve) => answers.push(resolve));
          if (verdict !== undefined) throw verdict;
        },
        onLost: (error) => losses.push([name, error]),
      },
      new AbortController().signal,
    );
  /** Proofs get no answer until the returned function is called. */
  const holdAnswers = () => {
    held = true;
    return () => {
      held = false;
      for (const answer of answers.splice(0)) answer();
    };
  };
  return { clock, leases, verdicts, proofs, losses, hold, holdAnswers };
}

const refused = new UnauthenticatedError({ message: 'no' });
const forbidden = new ForbiddenError({ message: 'no' });
const silent = new UpstreamUnreachableError({ message: 'nothing' });

describe('a right to watch', () => {
  it('is proved again every five minutes, once for all who hold it by the same credential', async () => {
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

  it('is proved at times that spread, and never later than that', async () => {
    const { clock, proofs, hold } = setUp({ random: () => 0.5 });
    using _a = await hold('a', 'one');
    await clock.advanceBy(4.5 * minute - 1);
    expect(proofs).toEqual(['a']);
    await clock.advanceBy(1);
    expect(proofs).toEqual(['a', 'a']);
  });

  it('counts from the latest proof of the credential, also from that of another subscription', async () => {
    const { clock, proofs, hold } = setUp();
    using _a = await hold('a', 'one');
    await clock.advanceBy(4 * minute);
    using _b = await hold('b', 'one');
    await clock.advanceBy(4 * minute);
    expect(proofs).toEqual(['a', 'b']);
    await clock.advanceBy(1 * minute);
    expect(proofs).toEqual(['a', 'b', 'a']);
  });

  it.each([
    ['TOKEN_EXPIRED', refused],
    ['FORBIDDEN', forbidden],
  ])(
    'ends with %s for everybody with the credential that the platform refuses, and for nobody else',
    async (code, verdict) => {
      const { clock, verdicts, proofs, losses, hold } = setUp();
      using _a = await hold('a', 'one');
      using _b = await hold('b', 'one');
      using _c = await hold('c', 'two');
      verdicts.set('one', verdict);
      proofs.length = 0;
      await clock.advanceBy(5 * minute);
      expect(losses).toMatchObject([
        ['a', { code }],
        ['b', { code }],
      ]);
      await clock.advanceBy(5 * minute);
      expect(proofs).toEqual(['a', 'c', 'c']);
    },
  );

  it('that is doubted is proved at once', async () => {
    const { clock, leases, verdicts, losses, hold } = setUp();
    using _a = await hold('a', 'one');
    verdicts.set('one', refused);
    await clock.advanceBy(1_000);
    leases.doubt('one');
    leases.doubt('two');
    await clock.advanceBy(0);
    expect(losses).toMatchObject([['a', { code: 'TOKEN_EXPIRED' }]]);
  });

  it('survives a platform that says nothing for a while', async () => {
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

  it('ends when nobody could prove it for two leases', async () => {
    const { clock, verdicts, losses, hold } = setUp();
    using _a = await hold('a', 'one');
    verdicts.set('one', silent);
    await clock.advanceBy(10 * minute - 1);
    expect(losses).toEqual([]);
    await clock.advanceBy(1);
    expect(losses).toEqual([['a', silent]]);
  });

  it('is not proved any more when the last one who held it has left, and no timer stays behind', async () => {
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

  it('given up while it is being proved is lost to nobody', async () => {
    const { clock, proofs, losses, hold, holdAnswers } = setUp();
    const held = await hold('a', 'one');
    holdAnswers();
    await clock.advanceBy(5 * minute);
    expect(proofs).toEqual(['a', 'a']);
    held[Symbol.dispose]();
    await clock.advanceBy(minute);
    expect([losses, clock.pending()]).toEqual([[], 0]);
  });

  it('that is refused to one who comes is proved at once for those who hold it', async () => {
    const { clock, verdicts, losses, hold } = setUp();
    using _a = await hold('a', 'one');
    using _c = await hold('c', 'two');
    await clock.advanceBy(minute);
    verdicts.set('one', refused);
    await expect(hold('b', 'one')).rejects.toBe(refused);
    await clock.advanceBy(0);
    expect(losses).toMatchObject([['a', { code: 'TOKEN_EXPIRED' }]]);
  });
});

describe('a proof', () => {
  it('serves all who come with the same credential within five seconds, and nobody else', async () => {
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

  it('serves those who come back, and is made again when it is old', async () => {
    const { clock, proofs, hold } = setUp();
    (await hold('a', 'one'))[Symbol.dispose]();
    await clock.advanceBy(4_000);
    using _b = await hold('b', 'one');
    await clock.advanceBy(5 * minute - 4_001);
    expect(proofs).toEqual(['a']);
    await clock.advanceBy(1);
    expect(proofs).toEqual(['a', 'b']);
  });

  it.each([refused, silent])('that fails is asked for again by each who comes: $message', async (verdict) => {
    const { clock, verdicts, proofs, hold } = setUp();
    verdicts.set('one', verdict);
    for (const name of ['a', 'b']) await expect(hold(name, 'one')).rejects.toBe(verdict);
    verdicts.clear();
    using _c = await hold('c', 'one');
    expect(proofs).toEqual(['a', 'b', 'c']);
    await clock.advanceBy(0);
    expect(proofs).toEqual(['a', 'b', 'c']);
  });

  it('serves nobody any more once its credential is refused', async () => {
    const { leases, proofs, hold } = setUp();
    (await hold('a', 'one'))[Symbol.dispose]();
    leases.doubt('one');
    using _b = await hold('b', 'one');
    expect(proofs).toEqual(['a', 'b']);
  });

  it('serves nobody when its credential was refused while it was made', async () => {
    const { clock, leases, proofs, hold, holdAnswers } = setUp();
    const answer = holdAnswers();
    const coming = hold('a', 'one');
    leases.doubt('one');
    answer();
    using _a = await coming;
    expect(proofs).toEqual(['a', 'a']);
    await clock.advanceBy(0);
    using _b = await hold('b', 'one');
    expect(proofs).toEqual(['a', 'a']);
  });

  it('is not kept for others beyond ten thousand credentials', async () => {
    const { proofs, hold } = setUp();
    for (let count = 0; count <= 10_000; count += 1) (await hold('a', `number ${count}`))[Symbol.dispose]();
    proofs.length = 0;
    using _second = await hold('second', 'number 1');
    using _first = await hold('first', 'number 0');
    expect(proofs).toEqual(['first']);
  });
});
