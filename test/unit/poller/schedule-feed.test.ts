import { describe, expect, it } from 'vitest';
import { platformId } from '../../../src/domain/ids.ts';
import type { Schedule } from '../../../src/domain/schedule.ts';
import { type ScheduleReader, scheduleSource } from '../../../src/poller/schedule-feed.ts';

const schedule = (id: string, createdAtMs: number): Schedule => ({
  id: platformId(id),
  name: id,
  type: 'BATCH_SEGMENTATION',
  rawType: 'batch_segmentation',
  state: 'ACTIVE',
  schedule: '0 0 1 * * ?',
  frequency: null,
  segmentIds: [],
  createdAt: new Date(createdAtMs),
  updatedAt: null,
  requestedAt: new Date(0),
  observedAt: new Date(0),
});

const readerOf = (schedules: readonly Schedule[]): ScheduleReader => ({
  proof: null,
  schedules: () => ({
    list: async () => schedules,
  }),
});

const request = (known: readonly Schedule[]) => ({
  known: new Map(known.map((each) => [each.id, each])),
  scope: { everything: true, ids: new Set<string>() },
  discover: false,
  memory: null,
  unread: ['unknown'],
  allowance: 1,
  now: new Date(0),
  signal: new AbortController().signal,
});

describe('a round of schedules', () => {
  it('reads them all, oldest first, and reports known and named ones that the list does not show', async () => {
    const [a, b, c] = [schedule('a', 1), schedule('b', 2), schedule('c', 3)];
    const round = await scheduleSource.read(readerOf([c, a]), request([a, b]));
    expect(round.read).toEqual([a, c]);
    expect(round.absent).toEqual(['b', 'unknown']);
    expect(scheduleSource.hasAppeared(c, null)).toBe(false);
    expect(scheduleSource.hasAppeared(c, round.memory)).toBe(true);
  });

  it('never ends a schedule', () => {
    expect(scheduleSource.isTerminal(schedule('a', 1))).toBe(false);
  });
});
