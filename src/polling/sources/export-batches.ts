import { isDeepStrictEqual } from 'node:util';
import { type Batch, type BatchState, isTerminalBatch } from '../../domain/batch.ts';
import { type ExportJob, type ObservedBatches, unreadBatches } from '../../domain/export-job.ts';
import type { BatchId } from '../../domain/ids.ts';
import { isTerminalJob } from '../../domain/job.ts';
import { copyWith } from '../../runtime/copy-with.ts';
import type { BatchesApi } from '../../upstream/apis/batches.ts';
import { isSameState } from '../diff.ts';
import { isEarlier } from '../older-readings.ts';
import { readByIds } from './read-by-ids.ts';
import type { ResultSource, RoundCalls } from './source.ts';

export interface BatchReader {
  batches(calls: RoundCalls): Pick<BatchesApi, 'getMany'>;
}

/**
 * Number of consecutive readings without a batch after which it counts as removed. A lagging replica of Catalog may
 * omit it once.
 */
const absencesUntilGone = 2;
/** Maximum number of splits of one reading (see BulkLimits), which is enough for one rejected batch among 100. */
const maxSplits = 7;
const fields = new Set(['status', 'completedAt', 'updatedAt'] as const);

/**
 * The batches of export jobs. A job can be SUCCEEDED before its batches are readable. A FAILED or CANCELLED job has no
 * data to wait for. A batch that Catalog has not returned yet may be promoted later, so it is awaited. A batch that
 * Catalog no longer returns was removed, because a consolidation has replaced it.
 */
export const exportBatches: ResultSource<ExportJob, BatchReader> = {
  isKnown: ({ observedBatches }) => observedBatches !== undefined,
  isSettled: ({ observedBatches }) => observedBatches?.settled === true,

  awaited(job) {
    if (job.status === 'FAILED' || job.status === 'CANCELLED') return [];
    return openBatches(job);
  },

  async read(reader, ids, calls) {
    const api = reader.batches(calls);
    const { found, absent, incomplete, ...reading } = await readByIds(
      (each, limits) => api.getMany(each, { fields, ...limits }),
      // The ids come from `awaited`.
      ids as readonly BatchId[],
      { signal: calls.signal, allowance: maxSplits },
    );
    if (incomplete !== null && found.length === 0 && absent.length === 0) throw incomplete;
    const isAbsent = new Set(absent);
    const read = new Map(found.map((batch) => [batch.id, stateOf(batch)]));
    const apply = (job: ExportJob): ExportJob => {
      const { states: before, absences: absencesBefore } = job.observedBatches ?? unreadBatches;
      const [states, absences] = [new Map(before), new Map(absencesBefore)];
      for (const { batchId } of job.destination.batches) {
        const state = read.get(batchId);
        if (state !== undefined) {
          states.set(batchId, laterOf(states.get(batchId), state));
          absences.delete(batchId);
        } else if (isAbsent.has(batchId) && states.has(batchId)) {
          absences.set(batchId, Math.min(absencesUntilGone, (absences.get(batchId) ?? 0) + 1));
        }
      }
      const after = copyWith(job, { observedBatches: { states, absences, settled: false } });
      const settled = isTerminalJob(job) && openBatches(after).length === 0;
      return settled ? exportBatches.settle(after) : after;
    };
    return { apply, calls: reading.calls, incomplete: reading.failedCall };
  },

  settle: (job) => copyWith(job, { observedBatches: { ...(job.observedBatches ?? unreadBatches), settled: true } }),

  carry: ({ observedBatches }, job) => (observedBatches === undefined ? job : copyWith(job, { observedBatches })),

  difference(previous, job) {
    // The comparison is cached, because each subscriber compares the same two objects.
    const known = differences.get(job);
    if (known?.previous === previous) return known.difference;
    const difference = compare(previous, job);
    differences.set(job, { previous, difference });
    return difference;
  },
};

type Difference = ReturnType<(typeof exportBatches)['difference']>;
const differences = new WeakMap<ExportJob, { readonly previous: ExportJob; readonly difference: Difference }>();

function compare(previous: ExportJob, job: ExportJob): Difference {
  const [before, after] = [previous.observedBatches, job.observedBatches];
  // In a feed that does not read batches, every change is a change of the job.
  if (before === after || !isSameState(without(previous), without(job))) return 'entity';
  return isDeepStrictEqual(shownOf(before ?? unreadBatches), shownOf(after ?? unreadBatches)) ? 'nothing' : 'results';
}

/** The part of the batches that subscribers see. */
const shownOf = ({ states, absences }: ObservedBatches) => ({
  states,
  gone: new Set([...absences].flatMap(([id, count]) => (count < absencesUntilGone ? [] : [id]))),
});

const stateOf = (batch: Batch): BatchState => ({
  status: batch.status,
  rawStatus: batch.rawStatus,
  isTerminal: isTerminalBatch(batch),
  updatedAt: batch.updatedAt,
});

/** The known state, if a lagging replica of Catalog shows an older one, or the status is the same. */
function laterOf(known: BatchState | undefined, read: BatchState): BatchState {
  if (known === undefined || (read.isTerminal && !known.isTerminal)) return read;
  const isSame = read.rawStatus === known.rawStatus && read.isTerminal === known.isTerminal;
  return isSame || isEarlier(read.updatedAt, known.updatedAt) ? known : read;
}

/** Batches that can still change. A removed batch may return as long as the job runs. */
function openBatches(job: ExportJob): readonly BatchId[] {
  const { states, absences } = job.observedBatches ?? unreadBatches;
  const hasEnded = isTerminalJob(job);
  const isGone = (id: BatchId) => hasEnded && (absences.get(id) ?? 0) >= absencesUntilGone;
  const isOpen = (id: BatchId) => states.get(id)?.isTerminal !== true && !isGone(id);
  return job.destination.batches.map(({ batchId }) => batchId).filter(isOpen);
}

const without = ({ observedBatches: _, ...job }: ExportJob): ExportJob => job;
