import { describe, expect, it } from 'vitest';
import { createAttempts } from '../../../../src/upstream/creates/attempts.ts';
import { findCreated } from '../../../../src/upstream/creates/find-created.ts';
import type { Fit } from '../../../../src/upstream/creates/matches-create.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { otherOrganization, tenantOf } from '../../../support/tenants.ts';

interface Job {
  readonly id: string;
  readonly createdAt: Date | null;
  readonly requestId?: string | null;
  readonly fit?: Fit;
}

function harness() {
  const clock = new FakeClock();
  const attempts = createAttempts(clock);
  /** A job that was created some time from now. */
  const job = (id: string, inMs = 0, more: Partial<Job> = {}): Job => ({
    id,
    createdAt: new Date(clock.now().getTime() + inMs),
    ...more,
  });
  const begin = (body = 'body', group = 'group', tenant = tenantOf('prod')) => attempts.begin({ tenant, group, body });
  const lost = (...which: Parameters<typeof begin>) => {
    const attempt = begin(...which);
    attempt.lost();
    return attempt;
  };
  type Attempt = ReturnType<typeof begin>;
  const look = (attempt: Attempt, entities: readonly Job[], requestId: string | null = null, isAll = false) =>
    findCreated({ entities, isAll, unusable: 0 }, { attempt, requestId, fitOf: ({ fit }) => fit ?? 'same' });
  /** Id of the entity that is found; null: none. */
  const find = (...which: Parameters<typeof look>) => {
    const lookup = look(...which);
    return lookup.kind === 'found' ? lookup.entity.id : null;
  };
  return { clock, attempts, job, begin, lost, look, find };
}

describe('the job of a lost create', () => {
  it('is the only matching one created since', () => {
    const { job, lost, find } = harness();
    const attempt = lost();
    expect(find(attempt, [job('other', 0, { fit: 'different' }), job('mine', 1), job('old', -60_000)])).toBe('mine');
  });

  it('may have a record that omits parts, if no other one matches', () => {
    const { job, lost, find } = harness();
    const [omitting, other] = [job('omits', 0, { fit: 'possible' }), job('too', 0, { fit: 'possible' })];
    expect(find(lost('a'), [omitting, job('whole')])).toBe('whole');
    expect(find(lost('a', 'second group'), [omitting, other])).toBeNull();
    expect(find(lost('a', 'third group'), [omitting])).toBe('omits');
  });

  it('may have a time of creation up to two seconds before the create, because of a slow clock', () => {
    const { job, lost, find } = harness();
    expect(find(lost(), [job('older', -2_001)])).toBeNull();
    expect(find(lost(), [job('mine', -2_000)])).toBe('mine');
  });

  it.each<[string, readonly Partial<Job>[]]>([
    ['the list is empty', []],
    ['none matches', [{ id: 'odd', fit: 'different' }]],
    ['two match', [{ id: 'a' }, { id: 'b' }]],
    ['its time of creation is unknown', [{ id: 'a', createdAt: null }]],
  ])('stays unknown when %s', (_, found) => {
    const { job, lost, find } = harness();
    expect(
      find(
        lost(),
        found.map((each) => ({ ...job('a'), ...each })),
      ),
    ).toBeNull();
  });

  it('is identified by the request id, among several that match and while others are running', () => {
    const { job, begin, lost, find } = harness();
    begin();
    const jobs = [job('a', 0, { requestId: 'x' }), job('b', 0, { requestId: 'mine' })];
    expect(find(lost(), jobs, 'mine')).toBe('b');
    expect(find(lost(), jobs, 'mine')).toBeNull();
  });

  it('is never a job that this process has already returned, from a response or from a search', () => {
    const { job, begin, lost, find } = harness();
    begin().succeeded('answered');
    const [one, other] = [lost(), lost()];
    const jobs = [job('answered'), job('found')];
    expect(find(one, jobs)).toBe('found');
    expect(find(other, jobs)).toBeNull();
  });

  it('is unknown for both of two equal creates that were lost and executed', () => {
    const { job, lost, find } = harness();
    const [one, other] = [lost(), lost()];
    expect([find(one, [job('a'), job('b')]), find(other, [job('a'), job('b')])]).toEqual([null, null]);
  });

  it('stays unknown while another create that may have made it is running', () => {
    const { job, begin, lost, find } = harness();
    const other = begin('another body');
    const attempt = lost();
    expect(find(attempt, [job('whose')])).toBeNull();
    other.refused();
    expect(find(attempt, [job('whose')])).toBe('whose');
  });

  it('stays unknown when a different create was lost as well', () => {
    const { job, lost, find } = harness();
    lost('another body');
    expect(find(lost(), [job('whose')])).toBeNull();
  });

  it.each<[string, ...Parameters<ReturnType<typeof harness>['begin']>]>([
    ['another group', 'body', 'another group'],
    ['another sandbox', 'body', 'group', tenantOf('dev')],
    ['an equal sandbox name of another organization', 'body', 'group', tenantOf('prod', otherOrganization)],
  ])('does not depend on creates of %s', (_, ...other) => {
    const { job, begin, lost, find } = harness();
    begin(...other).succeeded('mine');
    begin(...other);
    expect(find(lost(), [job('mine')])).toBe('mine');
  });
});

describe('a lost create without a candidate', () => {
  it('was not executed if the list has no other entries', () => {
    const { job, lost, look } = harness();
    expect(look(lost(), [], null, true)).toEqual({ kind: 'absent' });
    expect(look(lost(), [job('other', 0, { fit: 'different' })], null, true)).toEqual({ kind: 'absent' });
  });

  it('was not executed if the list, newest first, reaches back to before the create', () => {
    const { job, lost, look } = harness();
    const [newer, older] = [job('newer', 0, { fit: 'different' }), job('older', -2_001, { fit: 'different' })];
    expect(look(lost(), [newer, older])).toEqual({ kind: 'absent' });
    expect(look(lost(), [older, newer])).toEqual({ kind: 'unknown' });
    expect(look(lost(), [newer])).toEqual({ kind: 'unknown' });
    expect(look(lost(), [])).toEqual({ kind: 'unknown' });
    expect(look(lost(), [job('untimed', 0, { fit: 'different', createdAt: null }), older])).toEqual({
      kind: 'unknown',
    });
  });

  it('was not executed if the only candidate is known as the result of another create', () => {
    const { job, begin, lost, look } = harness();
    begin().succeeded('answered');
    expect(look(lost(), [job('answered')], null, true)).toEqual({ kind: 'absent' });
  });

  it('may have been executed if a record has no time of creation', () => {
    const { job, lost, look } = harness();
    expect(look(lost(), [job('untimed', 0, { createdAt: null })], null, true)).toEqual({ kind: 'unknown' });
  });
});

describe('recent creates', () => {
  it('are kept with their results for five minutes, and for longer while they are running', async () => {
    const { clock, begin, lost } = harness();
    const running = begin();
    begin().succeeded('a');
    lost('another body');
    await clock.advanceBy(299_999);
    expect(begin().isTaken('a')).toBe(true);
    await clock.advanceBy(10_000);
    const later = lost();
    expect(later.isTaken('a')).toBe(false);
    expect(later.claim('b', false)).toBe(false);
    running.succeeded('c');
    expect(lost().isTaken('c')).toBe(true);
  });

  it('are dropped if they were rejected, and after five minutes for any tenant', async () => {
    const { clock, attempts, begin, lost } = harness();
    for (let each = 0; each < 20; each += 1) {
      const tenant = tenantOf(`sandbox-${each}`);
      begin('body', `rejected ${each}`, tenant).refused();
      begin('body', `answered ${each}`, tenant).succeeded('a');
      lost('body', `lost ${each}`, tenant);
    }
    expect(attempts.size).toEqual({ creates: 40, groups: 40, tenants: 20 });
    await clock.advanceBy(310_001);
    begin().refused();
    expect(attempts.size).toEqual({ creates: 0, groups: 0, tenants: 0 });
  });

  it('use no memory for groups without creates, also for a tenant with a running create', () => {
    const { attempts, begin } = harness();
    begin('body', 'running');
    for (let each = 0; each < 20; each += 1) begin('body', `rejected ${each}`).refused();
    expect(attempts.size).toEqual({ creates: 1, groups: 1, tenants: 1 });
  });

  it('include, for five minutes, a tenant whose creates were all dropped', async () => {
    const { clock, attempts, begin } = harness();
    begin('body', 'dropped').succeeded('a');
    const running = Array.from({ length: 5_000 }, (_, each) => begin('body', `group ${each}`));
    for (const attempt of running) attempt.refused();
    expect(attempts.size).toEqual({ creates: 0, groups: 0, tenants: 1 });
    await clock.advanceBy(310_001);
    begin('body', 'group', tenantOf('dev')).refused();
    expect(attempts.size).toEqual({ creates: 0, groups: 0, tenants: 0 });
  });

  it('are dropped from the least recently used group first', () => {
    const { attempts, begin } = harness();
    begin('body', 'used again').succeeded('a');
    for (let each = 0; each < 4_998; each += 1) begin('body', `group ${each}`).succeeded(`${each}`);
    begin('body', 'used again').succeeded('b');
    begin('body', 'one more').succeeded('c');
    expect(attempts.size.creates).toBe(5_000);
    expect(begin('body', 'used again').isTaken('a')).toBe(true);
    expect(begin('body', 'group 0').isTaken('0')).toBe(false);
  });

  it('are limited in number for each tenant, and match nothing uncertain after a drop', async () => {
    const { clock, attempts, job, begin, lost, find } = harness();
    for (let each = 0; each < 5_001; each += 1) begin('body', `group ${each}`).succeeded(`${each}`);
    expect(attempts.size.creates).toBe(5_000);
    expect(find(lost(), [job('whose')])).toBeNull();
    expect(find(lost(), [job('mine', 0, { requestId: 'own' })], 'own')).toBe('mine');
    expect(find(lost('body', 'group', tenantOf('dev')), [job('whose')])).toBe('whose');
    await clock.advanceBy(300_001);
    expect(find(lost(), [job('whose')])).toBe('whose');
  });

  it('are limited in number for all tenants, and those of the least recently used tenants are dropped', () => {
    const { attempts, begin } = harness();
    for (let tenant = 0; tenant < 11; tenant += 1) {
      if (tenant === 10) begin('body', 'group', tenantOf('sandbox-0')).succeeded('b');
      for (let each = 0; each < 4_999; each += 1) begin('body', 'group', tenantOf(`sandbox-${tenant}`)).succeeded('a');
    }
    expect(attempts.size.creates).toBeLessThanOrEqual(50_000);
    expect(begin('body', 'group', tenantOf('sandbox-1')).isTaken('a')).toBe(false);
    expect(begin('body', 'group', tenantOf('sandbox-0')).isTaken('a')).toBe(true);
    expect(begin('body', 'group', tenantOf('sandbox-10')).isTaken('a')).toBe(true);
  });
});
