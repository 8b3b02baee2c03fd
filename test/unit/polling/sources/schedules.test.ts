import { describe, expect, it } from 'vitest';
import { platformId, type ScheduleId } from '../../../../src/domain/ids.ts';
import type { Schedule } from '../../../../src/domain/schedule.ts';
import { UpstreamUnreadableError } from '../../../../src/errors.ts';
import { type ScheduleReader, scheduleSource } from '../../../../src/polling/sources/schedules.ts';
import type { BulkResult } from '../../../../src/upstream/apis/bulk-read.ts';

const schedule = (id: string, createdAtMs: number | null): Schedule => ({
  id: platformId(id),
  name: id,
  type: 'BATCH_SEGMENTATION',
  rawType: 'batch_segmentation',
  state: 'ACTIVE',
  schedule: '0 0 1 * * ?',
  frequency: null,
  segmentIds: [],
  createdAt: createdAtMs === null ? null : new Date(createdAtMs),
  updatedAt: null,
  requestedAt: new Date(0),
  observedAt: new Date(0),
});

const readerOf = (
  found: readonly Schedule[],
  failed: BulkResult<ScheduleId, Schedule>['failed'] = [],
): ScheduleReader => ({
  proof: null,
  schedules: () => ({ listWith: async () => ({ found, failed, calls: 1 }) }),
});

const request = (known: readonly Schedule[]) => ({
  known: new Map(known.map((each) => [each.id, each])),
  scope: { everything: true, ids: new Set<string>() },
  discover: false,
  checkpoint: null,
  unread: ['unknown'],
  allowance: 1,
  now: new Date(0),
  signal: new AbortController().signal,
});

describe('a round of schedules', () => {
  it('reads all schedules, oldest first, and reports known and named ones that the list does not show', async () => {
    const [a, b, c] = [schedule('a', 1), schedule('b', 2), schedule('c', 3)];
    const round = await scheduleSource.read(readerOf([c, a]), request([a, b]));
    expect(round.read).toEqual([a, c]);
    expect(round.absent).toEqual(['b', 'unknown']);
    expect(scheduleSource.hasAppeared(c, null)).toBe(false);
    expect(scheduleSource.hasAppeared(c, round.checkpoint)).toBe(true);
  });

  it('reports a schedule that could not be read as failed, not as absent', async () => {
    const [a, b] = [schedule('a', 1), schedule('b', 2)];
    const error = new UpstreamUnreadableError({ message: 'A row cannot be read.' });
    const round = await scheduleSource.read(readerOf([a], [{ id: b.id, error, ofCall: true }]), request([a, b]));
    expect(round).toMatchObject({ absent: ['unknown'], failed: new Map([['b', error]]), incomplete: error });
  });

  it('is one list call, after which nothing is left to read', async () => {
    const round = await scheduleSource.read(readerOf([schedule('a', 1)]), request([]));
    expect(round).toMatchObject({
      failed: new Map(),
      evicted: [],
      unfollowed: [],
      incomplete: null,
      truncated: false,
      calls: { lists: 1 },
    });
    expect(scheduleSource.lasting(round.checkpoint)).toBe(round.checkpoint);
  });

  it('returns schedules without a creation time first', async () => {
    const [a, b, c] = [schedule('a', 1), schedule('b', null), schedule('c', -1)];
    expect((await scheduleSource.read(readerOf([a, b]), request([]))).read).toEqual([b, a]);
    expect((await scheduleSource.read(readerOf([b, c]), request([]))).read).toEqual([c, b]);
    expect((await scheduleSource.read(readerOf([b, a]), request([]))).read).toEqual([b, a]);
  });

  it('treats no schedule as ended', () => {
    expect(scheduleSource.isTerminal(schedule('a', 1))).toBe(false);
    expect(scheduleSource.endedAt(schedule('a', 1))).toBe(null);
  });
});

describe('schedules', () => {
  it('are shown newest first, and those without a creation time last', () => {
    const [old, recent, unknown] = [schedule('old', 1), schedule('recent', 2), schedule('unknown', null)];
    expect([old, unknown, recent].toSorted(scheduleSource.newestFirst)).toEqual([recent, old, unknown]);
    expect([unknown, recent, old].toSorted(scheduleSource.newestFirst)).toEqual([recent, old, unknown]);
  });
});
