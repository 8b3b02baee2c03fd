import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import { platformNamespace } from '../engine/evaluate-segments-matches.ts';
import { ExportSelectionError, exportProfiles } from '../engine/export-profiles.ts';
import type { EmulatorPace, EmulatorQuirks } from '../options.ts';
import { isOnUnionSchema } from '../store/catalog-documents.ts';
import type { Database } from '../store/database.ts';
import { Permits } from '../store/permits.ts';
import type { PlatformStore } from '../store/platform-store.ts';
import { batchIdsOf, type ExportJob } from '../store/platform-store-export-jobs.ts';
import type { BatchFolders } from './batch-folder.ts';
import { evaluateSnapshots } from './evaluate-snapshots.ts';
import { planBatches } from './export-selection.ts';
import { type JobError, JobTransitions, type WrittenBatch } from './job-transitions.ts';
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
  readonly pace: EmulatorPace;
  readonly quirks: Pick<EmulatorQuirks, 'membershipModel'>;
  /** Jobs that are PROCESSING at the same time; the others wait in NEW. */
  readonly concurrentExports: number;
}

interface RunningJob {
  readonly cancellation: AbortController;
  readonly done: Promise<void>;
}

/**
 * Carries export jobs from NEW to their end. Each job sleeps until its next stage is due, so nothing polls. Stages are
 * kept in the store before they begin: a job that was interrupted by the end of the process is taken up by `resume`.
 */
export class ExportJobRunner implements AsyncDisposable {
  readonly #options: ExportJobRunnerOptions;
  readonly #transitions: JobTransitions;
  readonly #places: Permits;
  readonly #running = new Map<number, RunningJob>();
  readonly #stopping = new AbortController();

  constructor(options: ExportJobRunnerOptions) {
    this.#options = options;
    this.#transitions = new JobTransitions(options.store, () => options.clock.now().getTime());
    this.#places = new Permits(options.concurrentExports);
  }

  /** Takes up the jobs that had not ended when the emulator last stopped. */
  async resume(): Promise<void> {
    for (const job of await this.#options.store.exportJobs.unfinished()) this.start(job);
  }

  /** Runs a job that is stored. A hanging job stays as it is. */
  start(job: ExportJob): void {
    if (job.hanging || this.#running.has(job.id) || this.#stopping.signal.aborted) return;
    const cancellation = new AbortController();
    const done = this.#run(job, cancellation.signal).finally(() => this.#running.delete(job.id));
    this.#running.set(job.id, { cancellation, done });
  }

  /** Marks a job for cancelling; one that has ended or is being cancelled stays as it is. Answers null when there is none. */
  async cancel(sandbox: string, id: number): Promise<ExportJob | null> {
    const marked = await this.#transitions.startCancelling(id, sandbox);
    if (marked === null) return this.#options.store.exportJobs.find(sandbox, id);
    const running = this.#running.get(id);
    if (running) running.cancellation.abort();
    else this.start(marked);
    return marked;
  }

  /** Interrupts what runs, leaving the jobs in the store as they are, and waits until nothing runs any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  async #run(job: ExportJob, cancelled: AbortSignal): Promise<void> {
    try {
      if (job.status !== 'CANCELLING') await this.#export(job, AbortSignal.any([cancelled, this.#stopping.signal]));
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      if (!cancelled.aborted) await this.#failUnexpectedly(job, error);
    }
    try {
      await this.#finishCancelling(job);
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.#options.logger.error({ err: error, jobId: job.id }, 'an export job could not be cancelled');
    }
  }

  async #export(job: ExportJob, signal: AbortSignal): Promise<void> {
    const { pace } = this.#options;
    await this.#sleepUntil(job.creationTime + stageDurationMs(pace, 'newMs', job.id), signal);
    await this.#places.hold(async () => {
      signal.throwIfAborted();
      const exporting = await this.#transitions.startExporting(job.id, job.sandbox);
      if (exporting === null) return;
      const outcome = await this.#writeBatches(exporting, signal);
      const exportingSince = exporting.metrics.profileExportTime?.startTimeInMs ?? exporting.updateTime;
      await this.#sleepUntil(exportingSince + stageDurationMs(pace, 'exportingMs', job.id), signal);
      if (outcome.kind === 'failed') {
        await this.#transitions.fail(job.id, job.sandbox, [outcome.error]);
        return;
      }
      const writing = await this.#transitions.startWriting(job.id, job.sandbox);
      if (writing === null) return;
      await this.#sleepUntil(writing.updateTime + stageDurationMs(pace, 'writingMs', job.id), signal);
      await this.#transitions.succeed(job.id, job.sandbox, outcome.written);
    }, signal);
  }

  /** Does the work of a job. What the request itself makes impossible is an outcome; anything else is thrown. */
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

  /** The segmentation that a request asks for: of the segments that it names, or of all. */
  async #evaluateSegments(job: ExportJob, signal: AbortSignal): Promise<JobError | null> {
    const { database, store, clock, quirks } = this.#options;
    const { segmentation, segments } = job.request;
    if (!segmentation || job.segmentedAt !== undefined) return null;
    const own = segments?.filter(({ segmentNs }) => segmentNs.toLowerCase() === platformNamespace);
    const ids = own?.map(({ segmentId }) => segmentId);
    const snapshots = await (ids === undefined
      ? allSnapshots(store, job.sandbox)
      : snapshotsOf(store, job.sandbox, ids));
    // Members of segments that have no definition came from elsewhere; they are exported as they are.
    const defined = snapshots.filter(({ segment }) => segment !== null);
    const settings = { now: clock.now(), membershipModel: quirks.membershipModel };
    const outcome = await evaluateSnapshots(database, job.sandbox, defined, settings, signal);
    if (outcome.kind === 'failed') return outcome.error;
    await this.#transitions.finishSegmentation(job.id, job.sandbox);
    return null;
  }

  async #failUnexpectedly(job: ExportJob, error: unknown): Promise<void> {
    const { logger, folders } = this.#options;
    logger.error({ err: error, jobId: job.id }, 'an export job failed unexpectedly');
    try {
      await folders.remove(batchIdsOf(job));
      await this.#transitions.fail(job.id, job.sandbox, [failed('unknown', 'Job aborted.').error]);
    } catch (failure) {
      logger.error({ err: failure, jobId: job.id }, 'the failure of an export job could not be stored');
    }
  }

  async #finishCancelling(job: ExportJob): Promise<void> {
    const { store, folders, pace } = this.#options;
    const current = await store.exportJobs.find(job.sandbox, job.id);
    if (current?.status !== 'CANCELLING') return;
    await folders.remove(batchIdsOf(job));
    await this.#sleepUntil(current.updateTime + stageDurationMs(pace, 'cancellingMs', job.id), this.#stopping.signal);
    await this.#transitions.cancel(job.id, job.sandbox);
  }

  async #sleepUntil(time: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const remainingMs = time - clock.now().getTime();
    if (remainingMs > 0) await clock.sleep(remainingMs, signal);
  }
}

function failed(code: string, msg: string): { kind: 'failed'; error: JobError } {
  return { kind: 'failed', error: { code, msg, callStack: 'com.adobe.aep.unifiedprofile.export.ExportJob' } };
}
