import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import { platformNamespace } from '../engine/evaluate-segments-matches.ts';
import { ExportSelectionError, exportProfiles } from '../engine/export-profiles.ts';
import type { EmulatorPace, EmulatorQuirks } from '../options.ts';
import { isOnUnionSchema } from '../store/catalog-documents.ts';
import type { Database } from '../store/connection.ts';
import type { PlatformStore } from '../store/platform-store.ts';
import type { WrittenBatch } from '../store/platform-store-batch-files.ts';
import { batchIdsOf, type ExportJob } from '../store/platform-store-export-jobs.ts';
import type { Activity, Slots } from './activity.ts';
import type { BatchFolders } from './batch-folder.ts';
import { evaluateSnapshots } from './evaluate-snapshots.ts';
import { planBatches } from './export-selection.ts';
import { type JobError, JobTransitions } from './job-transitions.ts';
import { RunningJobs, sleepUntil } from './running-jobs.ts';
import { allSnapshots, snapshotsOf } from './segment-snapshots.ts';
import { stageDurationMs } from './stage-times.ts';

/** The only schema that can be exported. */
const profileSchema = '_xdm.context.profile';

export interface ExportJobRunnerOptions {
  readonly database: Database;
  readonly store: PlatformStore;
  readonly folders: BatchFolders;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly activity: Activity;
  readonly pace: EmulatorPace;
  readonly quirks: Pick<EmulatorQuirks, 'membershipModel'>;
  /** Maximum number of jobs that are PROCESSING at the same time; the others wait in NEW. */
  readonly concurrentExports: number;
}

/**
 * Runs export jobs from NEW to their end. Each job sleeps until its next stage is due, so nothing polls. Each stage is
 * stored before it begins, so that `resume` can continue a job that was interrupted by the end of the process.
 */
export class ExportJobRunner implements AsyncDisposable {
  readonly #options: ExportJobRunnerOptions;
  readonly #transitions: JobTransitions;
  readonly #slots: Slots;
  readonly #jobs: RunningJobs<ExportJob>;

  constructor(options: ExportJobRunnerOptions) {
    this.#options = options;
    this.#transitions = new JobTransitions(options.store, () => options.clock.now().getTime());
    this.#slots = options.activity.slots(options.concurrentExports);
    this.#jobs = new RunningJobs<ExportJob>(
      {
        carryOut: (job, signal) => this.#export(job, signal),
        fail: (job) => this.#fail(job),
        finishCancelling: (job, signal) => this.#finishCancelling(job, signal),
      },
      options,
    );
  }

  /** Resumes the jobs that had not ended when the emulator last stopped. */
  async resume(): Promise<void> {
    for (const job of await this.#options.store.exportJobs.unfinished()) this.start(job);
  }

  /** Runs a stored job. A hanging job is not started. */
  start(job: ExportJob): void {
    this.#jobs.start(job);
  }

  /**
   * Marks a job for cancelling. A job that has ended or is already being cancelled does not change.
   * @returns null when the job does not exist
   */
  async cancel(sandbox: string, id: number): Promise<ExportJob | null> {
    const marked = await this.#transitions.startCancelling(id, sandbox);
    if (marked === null) return this.#options.store.exportJobs.find(sandbox, id);
    this.#jobs.cancel(marked);
    return marked;
  }

  /** Interrupts running jobs without changing the stored jobs, and waits until all have stopped. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#jobs[Symbol.asyncDispose]();
  }

  async #export(job: ExportJob, signal: AbortSignal): Promise<void> {
    const { pace, clock } = this.#options;
    if (job.unpromoted !== undefined) {
      await this.#promote(job, job.unpromoted, signal);
      return;
    }
    await sleepUntil(clock, job.creationTime + stageDurationMs(pace, 'newMs', job.id), signal);
    const loaded = await this.#slots.hold(async () => {
      signal.throwIfAborted();
      const exporting = await this.#transitions.startExporting(job.id, job.sandbox);
      if (exporting === null) return null;
      const outcome = await this.#writeBatches(exporting, signal);
      const exportingSince = exporting.metrics.profileExportTime?.startTimeInMs ?? exporting.updateTime;
      await sleepUntil(clock, exportingSince + stageDurationMs(pace, 'exportingMs', job.id), signal);
      if (outcome.kind === 'failed') {
        await this.#transitions.fail(job.id, job.sandbox, [outcome.error]);
        return null;
      }
      const writing = await this.#transitions.startWriting(job.id, job.sandbox);
      if (writing === null) return null;
      await sleepUntil(clock, writing.updateTime + stageDurationMs(pace, 'writingMs', job.id), signal);
      // Without a promotion stage, the job ends and its batches are promoted in one step.
      const load =
        stageDurationMs(pace, 'promotingMs', job.id) > 0 ? this.#transitions.load : this.#transitions.promote;
      return await load.call(this.#transitions, job.id, job.sandbox, outcome.written);
    }, signal);
    if (loaded?.unpromoted !== undefined) await this.#promote(loaded, loaded.unpromoted, signal);
  }

  /** Promotes the batches. A job that was interrupted in this stage begins the stage again. */
  async #promote(job: ExportJob, written: readonly WrittenBatch[], signal: AbortSignal): Promise<void> {
    const { pace, clock } = this.#options;
    const halfMs = stageDurationMs(pace, 'promotingMs', job.id) / 2;
    const sinceMs = clock.now().getTime();
    await sleepUntil(clock, sinceMs + halfMs, signal);
    await this.#transitions.startPromoting(job.id, job.sandbox);
    await sleepUntil(clock, sinceMs + 2 * halfMs, signal);
    signal.throwIfAborted();
    await this.#transitions.promote(job.id, job.sandbox, written);
  }

  /** Runs the work of a job. Errors in the request itself are returned as an outcome; all other errors are thrown. */
  async #writeBatches(
    job: ExportJob,
    signal: AbortSignal,
  ): Promise<{ kind: 'written'; written: WrittenBatch[] } | { kind: 'failed'; error: JobError }> {
    const { database, folders, store } = this.#options;
    const { datasetId, schemaName } = job.request;
    if (schemaName !== profileSchema) return failed('0100000002', `Schema '${schemaName}' cannot be exported.`);
    const dataset = await store.datasets.find(job.sandbox, datasetId);
    if (dataset === null) return failed('0100000004', `Dataset '${datasetId}' was deleted.`);
    if (!isOnUnionSchema(dataset.document)) {
      return failed('0100000005', `Dataset '${datasetId}' is not on the union schema of XDM Individual Profile.`);
    }

    const failure = await this.#evaluateSegments(job, signal);
    if (failure !== null) return { kind: 'failed', error: failure };

    await folders.remove(batchIdsOf(job));
    const written: WrittenBatch[] = [];
    try {
      for (const { batchId, selection } of planBatches(job)) {
        const result = await exportProfiles(database, selection, folders.pathOf(batchId), signal);
        const batch = {
          batchId,
          dataSetViewId: String(dataset.document['viewId'] ?? ''),
          created: this.#options.clock.now().getTime(),
        };
        written.push({ batchId, result, files: folders.filesOf(batch, result.parts) });
      }
    } catch (error) {
      await folders.remove(batchIdsOf(job));
      if (error instanceof ExportSelectionError) return failed(error.code, error.message);
      throw error;
    }
    return { kind: 'written', written };
  }

  /** Runs the segment evaluation that a request includes, for the named segments or for all. */
  async #evaluateSegments(job: ExportJob, signal: AbortSignal): Promise<JobError | null> {
    const { database, store, clock, quirks } = this.#options;
    const { segmentation, segments } = job.request;
    if (!segmentation || job.segmentedAt !== undefined) return null;
    const own = segments?.filter(({ segmentNs }) => segmentNs.toLowerCase() === platformNamespace);
    const ids = own?.map(({ segmentId }) => segmentId);
    const snapshots = await (ids === undefined
      ? allSnapshots(store, job.sandbox)
      : snapshotsOf(store, job.sandbox, ids));
    // Members of segments without a definition come from other systems and are exported unchanged.
    const defined = snapshots.filter(({ segment }) => segment !== null);
    const settings = { now: clock.now(), membershipModel: quirks.membershipModel };
    const outcome = await evaluateSnapshots(database, job.sandbox, defined, settings, signal);
    if (outcome.kind === 'failed') return outcome.error;
    await this.#transitions.finishSegmentation(job.id, job.sandbox);
    return null;
  }

  async #fail(job: ExportJob): Promise<void> {
    await this.#options.folders.remove(batchIdsOf(job));
    await this.#transitions.fail(job.id, job.sandbox, [failed('unknown', 'Job aborted.').error]);
  }

  async #finishCancelling(job: ExportJob, signal: AbortSignal): Promise<void> {
    const { store, folders, pace, clock } = this.#options;
    const current = await store.exportJobs.find(job.sandbox, job.id);
    if (current?.status !== 'CANCELLING') return;
    await folders.remove(batchIdsOf(job));
    await sleepUntil(clock, current.updateTime + stageDurationMs(pace, 'cancellingMs', job.id), signal);
    await this.#transitions.cancel(job.id, job.sandbox);
  }
}

function failed(code: string, msg: string): { kind: 'failed'; error: JobError } {
  return { kind: 'failed', error: { code, msg, callStack: 'com.adobe.aep.unifiedprofile.export.ExportJob' } };
}
