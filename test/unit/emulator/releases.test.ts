import { getEventListeners } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Activity } from '../../../src/emulator/jobs/activity.ts';
import { RunningJobs } from '../../../src/emulator/jobs/running-jobs.ts';
import { openDatabase } from '../../../src/emulator/store/database.ts';
import { Permits } from '../../../src/emulator/store/permits.ts';
import { AccessTokens } from '../../../src/emulator/store/platform-store-tokens.ts';
import { PreparedStatements } from '../../../src/emulator/store/prepared-statements.ts';
import { Statements } from '../../../src/emulator/store/statements.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** Work that ends when the test decides. */
function pending() {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { ended, end };
}

describe('permits', () => {
  it('are limited in number, and granted in the order of the requests', async () => {
    const permits = new Permits(2);
    const works = Array.from({ length: 4 }, pending);
    const begun: number[] = [];
    const done = works.map(({ ended }, index) =>
      permits.hold(() => {
        begun.push(index);
        return ended;
      }),
    );
    await Promise.resolve();
    expect(begun).toEqual([0, 1]);
    works[1]?.end();
    await done[1];
    expect(begun).toEqual([0, 1, 2]);
    works[0]?.end();
    await done[0];
    expect(begun).toEqual([0, 1, 2, 3]);
    for (const { end } of works) end();
    await Promise.all(done);
    expect(await permits.hold(() => Promise.resolve('free'))).toBe('free');
  });

  it('are returned by work that throws, and by a caller that left while it waited', async () => {
    const permits = new Permits(1);
    await expect(permits.hold(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    const first = pending();
    const holding = permits.hold(() => first.ended);
    const leaving = new AbortController();
    const left = permits.hold(() => Promise.resolve('never'), leaving.signal);
    const last = permits.hold(() => Promise.resolve('last'));
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    first.end();
    await holding;
    expect(await last).toBe('last');
    expect(await permits.hold(() => Promise.resolve('free'))).toBe('free');
  });

  it('leave no listener on the signals of their callers', async () => {
    const permits = new Permits(1);
    const first = pending();
    const holding = permits.hold(() => first.ended);
    const { signal } = new AbortController();
    const waiting = permits.hold(() => Promise.resolve(), signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    first.end();
    await Promise.all([holding, waiting]);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('statements', () => {
  it('leave no listener on the signal that interrupts them, whether they end or fail', async () => {
    const duckdb = await import('@duckdb/node-api');
    const instance = await duckdb.DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const { signal } = new AbortController();
    const statements = new Statements(duckdb, new PreparedStatements(duckdb, connection), { signal });
    expect(await statements.all('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await expect(statements.run('SELECT nothing')).rejects.toThrow('nothing');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    connection.closeSync();
    instance.closeSync();
  });

  it('are interrupted again until they end, and never later', async () => {
    const duckdb = await import('@duckdb/node-api');
    const { ended, end } = pending();
    let interrupts = 0;
    const connection = {
      run: () => ended.then(() => Promise.reject(new Error('Interrupted!'))),
      interrupt: () => {
        interrupts += 1;
      },
    };
    const clock = new FakeClock();
    const abort = new AbortController();
    const running = new Statements(duckdb, connection, { signal: abort.signal, clock }).run('SELECT 1');
    abort.abort(new Error('cancelled'));
    expect(interrupts).toBe(1);
    await clock.advanceBy(40);
    expect(interrupts).toBe(3);
    end();
    await expect(running).rejects.toThrow('cancelled');
    // A later interrupt would end a statement of the next user of the connection.
    await clock.advanceBy(1_000);
    expect(interrupts).toBe(3);
  });
});

describe('running jobs', () => {
  const logger = createLogger({ level: 'fatal' });
  const job = { id: 1, status: 'NEW', hanging: false };

  it('forget a job when it has ended, so that it can run once more, and not before', async () => {
    const runs: ReturnType<typeof pending>[] = [];
    const steps = {
      carryOut: () => {
        const run = pending();
        runs.push(run);
        return run.ended;
      },
      fail: () => Promise.resolve(),
      finishCancelling: () => Promise.resolve(),
    };
    const activity = new Activity();
    await using jobs = new RunningJobs(steps, { logger, activity });
    jobs.start(job);
    jobs.start(job);
    expect(runs).toHaveLength(1);
    runs[0]?.end();
    await activity.quiet();
    jobs.start(job);
    expect(runs).toHaveLength(2);
    jobs.start({ ...job, id: 2, hanging: true });
    expect(runs).toHaveLength(2);
    runs[1]?.end();
  });

  it('store the failure of a job that throws, and no failure of a cancelled or interrupted job', async () => {
    const failed: number[] = [];
    const begun: number[] = [];
    const stored = pending();
    const steps = {
      carryOut: ({ id }: typeof job, signal: AbortSignal) => {
        begun.push(id);
        return id === 1
          ? Promise.reject(new Error('broken'))
          : new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
      fail: ({ id }: typeof job) => {
        failed.push(id);
        stored.end();
        return Promise.resolve();
      },
      finishCancelling: () => Promise.resolve(),
    };
    const activity = new Activity();
    const jobs = new RunningJobs(steps, { logger, activity });
    for (const id of [1, 2, 3]) jobs.start({ ...job, id });
    jobs.cancel({ ...job, id: 2, status: 'CANCELLING' });
    await stored.ended;
    await jobs[Symbol.asyncDispose]();
    expect(failed).toEqual([1]);
    jobs.start({ ...job, id: 1 });
    await activity.quiet();
    expect([failed, begun]).toEqual([[1], [1, 2, 3]]);
  });
});

describe('access tokens', () => {
  it('are valid to the last millisecond, and are not kept longer', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tokens-test-'));
    {
      await using database = await openDatabase({ directory });
      const clock = new FakeClock();
      const tokens = await AccessTokens.open(database, clock);
      const kept = async () => (await database.all('SELECT digest FROM access_tokens')).length;
      const first = await tokens.issue(60, 'openid');
      await clock.advanceBy(59_999);
      expect(tokens.isValid(first)).toBe(true);
      await tokens.issue(60, 'openid');
      expect([await kept(), tokens.issued().size]).toEqual([2, 2]);
      await clock.advanceBy(1);
      expect([tokens.isValid(first), tokens.issued().size]).toEqual([false, 1]);
      await tokens.issue(60, 'openid');
      expect(await kept()).toBe(2);
      // Only a token that is still stored could become valid again.
      clock.setWallClock(-60_000);
      expect(tokens.isValid(first)).toBe(false);
      await tokens.revokeAll();
      expect([await kept(), tokens.issued().size]).toEqual([0, 0]);
    }
    await rm(directory, { recursive: true });
  });
});
