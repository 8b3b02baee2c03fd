import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ExportJob, exportJobStatuses } from '../../../src/domain/export-job.ts';
import { platformId } from '../../../src/domain/ids.ts';
import { diffSnapshots } from '../../../src/polling/diff.ts';
import { exportJob } from './fake-platform.ts';

const snapshotOf = (...jobs: readonly ExportJob[]) => new Map(jobs.map((job): [string, ExportJob] => [job.id, job]));

const job = fc
  .record({
    id: fc.constantFrom('a', 'b', 'c', 'd'),
    status: fc.constantFrom(...exportJobStatuses),
    updatedAt: fc.constantFrom(new Date(1), new Date(2)),
    requestedAt: fc.constantFrom(new Date(0), new Date(1)),
    observedAt: fc.constantFrom(new Date(1), new Date(2)),
    errors: fc.array(
      fc.record({
        code: fc.constantFrom('x', 'y'),
        message: fc.constant(''),
        callStack: fc.constant(null),
        recordCount: fc.constant(null),
      }),
    ),
    profiles: fc.option(fc.nat(3)),
  })
  .map(({ id, status, profiles, ...more }) => {
    const plain = exportJob(id, 0, status, more);
    return { ...plain, metrics: { ...plain.metrics, totalExportedProfiles: profiles } };
  });
const snapshot = fc.array(job, { maxLength: 6 }).map((jobs) => snapshotOf(...jobs));

describe('diffSnapshots', () => {
  it('returns the changes from the old to the new snapshot, with each entity at most once', () => {
    fc.assert(
      fc.property(snapshot, snapshot, (before, after) => {
        const changes = diffSnapshots(before, after);
        const result = new Map(before);
        for (const change of changes) {
          if (!('entity' in change)) throw new Error('not about an entity');
          const { id } = change.entity;
          if (change.kind === 'CHANGED') expect(change.previous).toBe(before.get(id));
          expect(result.has(id)).toBe(change.kind !== 'CREATED');
          if (change.kind === 'REMOVED') result.delete(id);
          else result.set(id, change.entity);
        }
        const withoutTime = (jobs: ReadonlyMap<string, ExportJob>) =>
          new Map([...jobs].map(([id, one]) => [id, { ...one, requestedAt: null, observedAt: null }]));
        expect(withoutTime(result)).toEqual(withoutTime(after));
        expect(new Set(changes.map((change) => 'entity' in change && change.entity.id)).size).toBe(changes.length);
      }),
    );
  });

  it('returns nothing for a snapshot that was only read again', () => {
    const before = exportJob('a', 1);
    const again = { ...exportJob('a', 1), requestedAt: new Date(98_000), observedAt: new Date(99_000) };
    expect(diffSnapshots(snapshotOf(before), snapshotOf(again))).toEqual([]);
  });

  const before = exportJob('a', 1, 'PROCESSING');
  const span = { startedAt: new Date(5), endedAt: null, durationMs: null };
  it.each<[string, Partial<ExportJob>]>([
    ['status', { status: 'SUCCEEDED' }],
    ['raw status', { rawStatus: 'processing' }],
    ['time of update', { updatedAt: new Date(2) }],
    ['metrics', { metrics: { ...before.metrics, totalTime: span } }],
    ['errors', { errors: [{ code: '1', message: 'm', callStack: null, recordCount: null }] }],
    ['batches', { destination: { ...before.destination, batches: [{ batchId: platformId('b'), segment: null }] } }],
    ['compute job', { computeJobs: { exportJob: 'x', pushJob: null } }],
  ])('detects a change of only %s', (_, change) => {
    const after = { ...before, ...change };
    expect(diffSnapshots(snapshotOf(before), snapshotOf(after))).toEqual([
      { kind: 'CHANGED', entity: after, previous: before },
    ]);
  });
});
