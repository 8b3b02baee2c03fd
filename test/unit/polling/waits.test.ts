import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { ExportJob } from '../../../src/domain/export-job.ts';
import { PlatformError } from '../../../src/errors.ts';
import type { WaitOptions, WaitResult } from '../../../src/events/watch.ts';
import { exportJob, settle, tenantOf } from './fake-platform.ts';
import { WatchSetup } from './setup.ts';

const second = 1_000;

/** A wait, with its outcome as soon as it has one. */
interface Waiting {
  readonly leave: () => void;
  outcome: WaitResult<ExportJob> | null | { readonly error: unknown } | 'waiting';
}

/** Waits for the end of the job `a`, by default for 30 seconds. */
async function waitOn(setup: WatchSetup, asked: Partial<WaitOptions> = {}, by = 'someone'): Promise<Waiting> {
  const controller = new AbortController();
  const watch = setup.registry.connect(tenantOf(), setup.platform.reader(by));
  const waiting: Waiting = { leave: () => controller.abort(new Error('left')), outcome: 'waiting' };
  watch.wait({ id: 'a', timeoutMs: 30 * second, signal: controller.signal, ...asked }).then(
    (result) => {
      waiting.outcome = result;
    },
    (error: unknown) => {
      waiting.outcome = { error };
    },
  );
  await settle();
  return waiting;
}

function setupWith(status: ExportJob['status'] | null): WatchSetup {
  const setup = new WatchSetup();
  if (status !== null) setup.platform.put(exportJob('a', 0, status));
  return setup;
}

describe('a wait for the end of a job', () => {
  it('returns at once if the job has ended', async () => {
    await using setup = setupWith('SUCCEEDED');
    const { outcome } = await waitOn(setup);
    expect(outcome).toMatchObject({
      ended: true,
      entity: { id: 'a', status: 'SUCCEEDED' },
      cursor: expect.any(String),
    });
    expect(setup.registry.stats().subscribers).toBe(0);
  });

  it('returns when the job ends, with a cursor after which nothing follows', async () => {
    await using setup = setupWith('NEW');
    const waiting = await waitOn(setup);
    setup.platform.set('a', 'PROCESSING');
    await setup.nextRound();
    expect(waiting.outcome).toBe('waiting');
    setup.platform.set('a', 'FAILED');
    await setup.nextRound();
    expect(waiting.outcome).toMatchObject({ ended: true, entity: { status: 'FAILED' } });
    const { cursor } = waiting.outcome as WaitResult<ExportJob>;
    const resumed = await setup.follow({ ids: ['a'], after: cursor });
    expect([resumed.kinds, resumed.ended]).toEqual([[], 'completed']);
  });

  it('returns the current state when the time has passed, and leaves no timer and no subscriber', async () => {
    await using setup = setupWith('NEW');
    const waiting = await waitOn(setup, { timeoutMs: 10 * second });
    setup.platform.set('a', 'PROCESSING');
    await setup.pass(9 * second);
    expect(waiting.outcome).toBe('waiting');
    await setup.pass(second);
    expect(waiting.outcome).toMatchObject({ ended: false, entity: { status: 'PROCESSING' } });
    expect(setup.registry.stats().subscribers).toBe(0);
    expect(setup.clock.pending('deadline')).toBe(0);
  });

  it.each([
    ['ends with its timeout', 'NEW', 10 * second],
    ['is over at once', 'SUCCEEDED', 10 * second],
    ['finds no job', null, 10 * second],
  ] as const)('leaves no listener at a signal that lives on if it %s', async (_case, status, timeoutMs) => {
    await using setup = setupWith(status);
    const { signal } = new AbortController();
    const waiting = await waitOn(setup, { signal, timeoutMs });
    await setup.pass(timeoutMs);
    expect(waiting.outcome).not.toBe('waiting');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('of no duration returns as soon as the state is known', async () => {
    await using setup = setupWith('NEW');
    const release = setup.platform.hold();
    const waiting = await waitOn(setup, { timeoutMs: 0 });
    expect(waiting.outcome).toBe('waiting');
    release();
    await settle();
    expect(waiting.outcome).toMatchObject({ ended: false, entity: { status: 'NEW' } });
  });

  it('returns null for a job that does not exist', async () => {
    await using setup = setupWith(null);
    expect((await waitOn(setup)).outcome).toBeNull();
  });

  it('returns the last state of a job that is removed', async () => {
    await using setup = setupWith('PROCESSING');
    const waiting = await waitOn(setup);
    setup.platform.delete('a');
    await setup.pass(20 * second);
    expect(waiting.outcome).toMatchObject({ ended: true, entity: { status: 'PROCESSING' } });
  });

  it('fails with the error of the platform if the state cannot be read', async () => {
    await using setup = setupWith('NEW');
    setup.platform.failure = ({ kind }) =>
      kind === 'prove' ? null : new PlatformError({ message: 'broken', status: 500 });
    expect((await waitOn(setup)).outcome).toMatchObject({ error: { code: 'PLATFORM_ERROR' } });
    expect(setup.registry.stats().subscribers).toBe(0);
  });

  it('ends with TOKEN_EXPIRED when the token of the caller expires', async () => {
    await using setup = setupWith('NEW');
    const expiresAt = new Date(setup.clock.now().getTime() + 5 * second);
    const waiting = await waitOn(setup, { expiresAt });
    await setup.pass(5 * second);
    expect(waiting.outcome).toMatchObject({ error: { code: 'TOKEN_EXPIRED' } });
  });

  it('is released at once when its caller leaves, before and after its state is known', async () => {
    await using setup = setupWith('NEW');
    const release = setup.platform.hold();
    const early = await waitOn(setup);
    early.leave();
    await settle();
    release();
    const late = await waitOn(setup);
    expect(setup.registry.stats().subscribers).toBe(1);
    late.leave();
    await settle();
    for (const { outcome } of [early, late]) expect(outcome).toMatchObject({ error: { message: 'left' } });
    expect(setup.registry.stats().subscribers).toBe(0);
    expect(setup.clock.pending('deadline')).toBe(0);
  });
});

describe('a thousand waits', () => {
  /** Platform calls, except proofs, while this number of callers waits for the end of the job. */
  async function callsFor(callers: number): Promise<number> {
    await using setup = setupWith('NEW');
    const waits = await Promise.all(Array.from({ length: callers }, () => waitOn(setup)));
    await setup.pass(10 * second);
    setup.platform.set('a', 'SUCCEEDED');
    await setup.pass(10 * second);
    for (const { outcome } of waits) expect(outcome).toMatchObject({ ended: true });
    return setup.platform.count('list') + setup.platform.count('get');
  }

  it('cause the same calls as one', async () => {
    expect(await callsFor(1_000)).toBe(await callsFor(1));
  });
});

describe('the end of all waits', () => {
  it('returns the current states, and later waits return as soon as they know the state', async () => {
    await using setup = setupWith('NEW');
    const waiting = await waitOn(setup);
    setup.registry.endWaits();
    await settle();
    expect(waiting.outcome).toMatchObject({ ended: false, entity: { status: 'NEW' } });
    expect((await waitOn(setup)).outcome).toMatchObject({ ended: false, entity: { status: 'NEW' } });
  });

  it('ends waits without a state with SHUTTING_DOWN', async () => {
    await using setup = setupWith('NEW');
    const release = setup.platform.hold();
    const waiting = await waitOn(setup);
    setup.registry.endWaits();
    await settle();
    expect(waiting.outcome).toMatchObject({ error: { code: 'SHUTTING_DOWN', retryable: true } });
    release();
  });

  it('is also a part of closing the feeds', async () => {
    const setup = setupWith('NEW');
    const waiting = await waitOn(setup);
    await setup.registry.close();
    expect(waiting.outcome).toMatchObject({ error: { code: 'SHUTTING_DOWN' } });
  });
});
