import { stringify } from 'devalue';
import { describe, expect, it } from 'vitest';
import { LogConflictError, LogFencedError, LogOverflowError } from '../../../src/events/log.ts';
import { createMemoryEventLog } from '../../../src/events/memory-log.ts';
import { take } from './redis/log-server.ts';
import { append, at, changed, created, type Item, item, key } from './subscriber/stream-setup.ts';

const onReadable = () => undefined;

describe('a log of one process', () => {
  it('does not exist before the first write, and then has a cursor without a mark', async () => {
    const log = createMemoryEventLog<Item>({ key });
    expect(await log.snapshot()).toBe(null);
    const cursor = await append(log, created('a'));
    expect(cursor).toMatch(/^[\w-]{16}\.1$/);
    expect(await log.snapshot()).toEqual({
      cursor,
      observedAt: at,
      entities: [item('a')],
      stale: new Set(),
      note: null,
    });
  });

  it('accepts writes without a change', async () => {
    const log = createMemoryEventLog<Item>({ key });
    const cursor = await log.write({ adopted: [item('a')], note: 1 }, { observedAt: at });
    expect(cursor).toMatch(/\.0$/);
    expect(await log.snapshot()).toMatchObject({ entities: [item('a')], note: 1 });
  });

  it('rejects an outdated term, and a expectedCursor that is not the current state', async () => {
    const log = createMemoryEventLog<Item>({ key });
    const first = await log.write({ changes: [created('a')] }, { observedAt: at, term: 2, expectedCursor: null });
    const late = log.write({ changes: [created('b')] }, { observedAt: at, term: 1 });
    await expect(late).rejects.toThrow(new LogFencedError('Another writer has taken over the log.'));
    const conflict = new LogConflictError('The log was written in the meantime.');
    const again = log.write({ changes: [created('b')] }, { observedAt: at, term: 2, expectedCursor: null });
    await expect(again).rejects.toThrow(conflict);
    await log.write({ changes: [created('b')] }, { observedAt: at, term: 2, expectedCursor: first });
    const old = log.write({ changes: [created('c')] }, { observedAt: at, term: 2, expectedCursor: first });
    await expect(old).rejects.toThrow(conflict);
    expect((await log.snapshot())?.entities).toEqual([item('a'), item('b')]);
  });

  it('begins an epoch with the first write, even for readers that opened it before', async () => {
    const log = createMemoryEventLog<Item>({ key });
    const { tail, start } = await log.open({ onReadable });
    const cursor = await log.write({ changes: [created('a')] }, { observedAt: at, expectedCursor: null });
    expect(start.snapshot.cursor.split('.')[0]).not.toBe(cursor.split('.')[0]);
    expect(() => tail.read()).toThrow(LogOverflowError);
  });

  it('notifies its watchers after each write, and is closed for its readers', async () => {
    const log = createMemoryEventLog<Item>({ key });
    let calls = 0;
    const watching = log.watch(() => {
      calls += 1;
    });
    const { tail } = await log.open({ onReadable });
    await append(log, created('a'));
    watching[Symbol.dispose]();
    await append(log, created('b'));
    expect([calls, take(tail).length]).toEqual([1, 2]);
    await log[Symbol.asyncDispose]();
    expect(tail.ended).toBe(true);
  });

  it('keeps as many entries as its size limit permits, estimated from the first change of each write', async () => {
    const size = stringify(changed('a', 0, 1)).length;
    const log = createMemoryEventLog<Item>({ key, maxBytes: 4 * size });
    const first = await log.write({}, { observedAt: at });
    const { tail } = await log.open({ onReadable });
    await append(log, changed('a', 0, 1), changed('a', 1, 2), changed('a', 2, 3), changed('a', 3, 4));
    await log.write({ note: 1 }, { observedAt: at });
    expect(take(tail)).toHaveLength(4);
    expect((await log.open({ after: first, onReadable })).start.kind).toBe('replay');
    await append(log, changed('a', 4, 5));
    expect((await log.open({ after: first, onReadable })).start.kind).toBe('resync');
  });
});
