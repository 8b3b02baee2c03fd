import { describe, expect, it } from 'vitest';
import { createLedger } from '../../../src/upstream/create-ledger.ts';
import { findLostJob } from '../../../src/upstream/find-lost-job.ts';
import { FakeClock } from '../../support/fake-clock.ts';

interface Job {
  readonly id: string;
  readonly createdAt: Date | null;
  readonly requestId?: string | null;
  readonly odd?: boolean;
}

function harness() {
  const clock = new FakeClock();
  const ledger = createLedger(clock);
  /** A job that was created some time from now. */
  const job = (id: string, inMs = 0, more: Partial<Job> = {}): Job => ({
    id,
    createdAt: new Date(clock.now().getTime() + inMs),
    ...more,
  });
  const begin = (body = 'body', group = 'group') => ledger.begin({ group, body });
  const lost = (body?: string, group?: string) => {
    const attempt = begin(body, group);
    attempt.lost();
    return attempt;
  };
  const find = (attempt: ReturnType<typeof begin>, newest: readonly Job[], requestId: string | null = null) =>
    findLostJob(newest, { attempt, requestId, fits: ({ odd }) => odd !== true })?.id ?? null;
  return { clock, job, begin, lost, find };
}

describe('the job of a lost create', () => {
  it('is the only one that fits and was created since', () => {
    const { job, lost, find } = harness();
    const attempt = lost();
    expect(find(attempt, [job('other', 0, { odd: true }), job('mine', 1), job('old', -60_000)])).toBe('mine');
  });

  it('may seem to be two seconds older than the create, by a clock that is behind, and no more', () => {
    const { job, lost, find } = harness();
    expect(find(lost(), [job('older', -2_001)])).toBeNull();
    expect(find(lost(), [job('mine', -2_000)])).toBe('mine');
  });

  it.each([
    ['none is there', []],
    ['none fits', [{ id: 'odd', odd: true }]],
    ['two fit', [{ id: 'a' }, { id: 'b' }]],
    ['nobody knows when it was created', [{ id: 'a', createdAt: null }]],
  ])('stays unknown when %s', (_, found: readonly Partial<Job>[]) => {
    const { job, lost, find } = harness();
    expect(
      find(
        lost(),
        found.map((each) => ({ ...job('a'), ...each })),
      ),
    ).toBeNull();
  });

  it('is known beyond doubt by the request id, among several that fit and while others are on their way', () => {
    const { job, begin, lost, find } = harness();
    begin();
    const jobs = [job('a', 0, { requestId: 'x' }), job('b', 0, { requestId: 'mine' })];
    expect(find(lost(), jobs, 'mine')).toBe('b');
    expect(find(lost(), jobs, 'mine')).toBeNull();
  });

  it('is none that this process has given out, as an answer or as found', () => {
    const { job, begin, lost, find } = harness();
    begin().answered('answered');
    const [one, other] = [lost(), lost()];
    const jobs = [job('answered'), job('found')];
    expect(find(one, jobs)).toBe('found');
    expect(find(other, jobs)).toBeNull();
  });

  it('is neither of two when two that are alike were lost and both happened', () => {
    const { job, lost, find } = harness();
    const [one, other] = [lost(), lost()];
    expect([find(one, [job('a'), job('b')]), find(other, [job('a'), job('b')])]).toEqual([null, null]);
  });

  it('stays unknown while another create is on its way that may have made it', () => {
    const { job, begin, lost, find } = harness();
    const other = begin('another body');
    const attempt = lost();
    expect(find(attempt, [job('whose')])).toBeNull();
    other.refused();
    expect(find(attempt, [job('whose')])).toBe('whose');
  });

  it('stays unknown when the other one, which was not alike, was lost as well', () => {
    const { job, lost, find } = harness();
    lost('another body');
    expect(find(lost(), [job('whose')])).toBeNull();
  });

  it('does not care for creates of another group', () => {
    const { job, begin, lost, find } = harness();
    begin('body', 'another group').answered('mine');
    begin('body', 'another group');
    expect(find(lost(), [job('mine')])).toBe('mine');
  });
});

describe('the ledger', () => {
  it('remembers for five minutes what was given out, and longer what is on its way', async () => {
    const { clock, begin, lost } = harness();
    const onItsWay = begin();
    begin().answered('a');
    lost('another body');
    await clock.advanceBy(299_999);
    expect(begin().isTaken('a')).toBe(true);
    await clock.advanceBy(2);
    const later = lost();
    expect(later.isTaken('a')).toBe(false);
    expect(later.claim('b', false)).toBe(false);
    onItsWay.answered('c');
    expect(lost().isTaken('c')).toBe(true);
  });

  it('forgets groups that nobody uses any more', async () => {
    const { clock, begin } = harness();
    begin('body', 'one').answered('a');
    await clock.advanceBy(300_001);
    begin('body', 'other').refused();
    expect(begin('body', 'one').isTaken('a')).toBe(false);
  });
});
