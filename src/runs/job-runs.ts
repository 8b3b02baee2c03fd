import { isTerminalJob, type JobProgress } from '../domain/job.ts';
import { isMarkedOverdue, type OverdueMark } from '../domain/reading-times.ts';
import { compareRuns, type RunComparison } from '../domain/runs/comparison.ts';
import { isOverdue } from '../domain/runs/progress.ts';
import type { Run, RunShape } from '../domain/runs/run.ts';
import { type RunExpectation, RunIndex } from '../domain/runs/run-index.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RunKind, RunStore } from './run-store.ts';

/** How jobs of one kind become runs. */
export interface RunRules<Job> {
  readonly kind: RunKind;
  /** Null if the job has not ended. */
  readonly runOf: (job: Job) => Run | null;
  readonly shapeOf: (job: Job) => RunShape;
}

/** The fields of a job by which its lateness is determined. */
export interface RunningJob extends JobProgress, OverdueMark {
  readonly id: string;
  readonly createdAt: Date;
  readonly requestedAt: Date;
}

export interface JobRunsOptions<Job> extends RunRules<Job> {
  readonly tenant: Tenant;
  readonly store: RunStore;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly logger: Pick<Logger, 'debug'>;
}

/** Interval in which the runs of other replicas are read, in milliseconds. */
const exchangeIntervalMs = 30_000;
/** Period in which one additional list page may be read for a tenant, in milliseconds. */
const pagePeriodMs = 600_000;
/** Number of successful runs from which no additional page is read. It is the number behind an expectation. */
const sufficientRuns = 30;
/** Maximum number of ids of ended jobs that are not examined again. */
const maxExamined = 10_000;

/**
 * The ended runs of one kind and tenant, as this replica knows them. They come from jobs that are read for other
 * purposes. The runs of other replicas follow within half a minute.
 */
export class JobRuns<Job extends RunningJob> {
  readonly #options: JobRunsOptions<Job>;
  #index = new RunIndex([]);
  /** Runs that the index does not contain yet. */
  readonly #noted = new Map<string, Run>();
  /** Runs that the store has not received. */
  readonly #unsent = new Map<string, Run>();
  /** Ids of ended jobs, whose state does not change, so that most jobs of a list are not examined again. */
  readonly #examined = new Set<string>();
  #version: string | null = null;
  #exchangedAtMs = Number.NEGATIVE_INFINITY;
  #exchange: Promise<void> | null = null;
  #page: Promise<void> | null = null;
  #pageAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: JobRunsOptions<Job>) {
    this.#options = options;
  }

  /** Adds the runs of the ended jobs. Other jobs are ignored. */
  note(jobs: Iterable<Job>): void {
    for (const job of jobs) {
      if (this.#examined.has(job.id)) continue;
      const run = this.#options.runOf(job);
      if (run === null) continue;
      // The platform may report the times of an ended job later.
      if (run.totalMs !== null) this.#examine(job.id);
      const known = this.#noted.get(run.id) ?? this.#index.get(run.id);
      if (known !== null && (known.totalMs !== null || run.totalMs === null)) continue;
      this.#noted.set(run.id, run);
      this.#unsent.set(run.id, run);
    }
  }

  /**
   * Makes the runs available: those of other replicas, and those of an additional list page if this replica knows few.
   * A failure of either only leaves the expectations as they are.
   * @param readPage reads a page of successful jobs. It is called at most once per tenant and 10 minutes.
   * @returns undefined if the runs are available now
   */
  ready(readPage?: () => Promise<readonly Job[]>): Promise<void> | undefined {
    const exchange = this.#exchangeIfDue();
    if (exchange === undefined && (readPage === undefined || this.#isSufficient)) return undefined;
    return this.#prepare(exchange, readPage);
  }

  /** The expected end of a job. Null if the job has ended, or fewer than three runs of the same shape are known. */
  expectation(job: Job): RunExpectation | null {
    return isTerminalJob(job) ? null : this.#current.expectation(this.#options.shapeOf(job));
  }

  /** Whether a job runs longer than expected. It had not ended when its state was requested. */
  isOverdue(job: Job): boolean {
    return isMarkedOverdue(job) || isOverdue(job, this.expectation(job), job.requestedAt);
  }

  /** The last known run of the same shape before a job. */
  previous(job: Job): Run | null {
    return this.#current.previous(this.#options.shapeOf(job));
  }

  /** Null until the job has ended, and without a previous run. */
  comparison(job: Job): RunComparison | null {
    const run = this.#options.runOf(job);
    const previous = run === null ? null : this.#current.previous(run);
    return run === null || previous === null ? null : compareRuns(run, previous);
  }

  get #current(): RunIndex {
    if (this.#noted.size > 0) {
      this.#index = new RunIndex([...this.#index.runs, ...this.#noted.values()]);
      this.#noted.clear();
    }
    return this.#index;
  }

  get #isSufficient(): boolean {
    if (this.#options.clock.monotonicMs() - this.#pageAtMs < pagePeriodMs && this.#page === null) return true;
    let successes = 0;
    for (const { succeeded } of this.#current.runs) if (succeeded && ++successes === sufficientRuns) return true;
    return false;
  }

  async #prepare(exchange: Promise<void> | undefined, readPage?: () => Promise<readonly Job[]>): Promise<void> {
    await exchange;
    if (readPage === undefined || this.#isSufficient) return;
    this.#page ??= this.#readPage(readPage).finally(() => {
      this.#page = null;
    });
    await this.#page;
  }

  async #readPage(readPage: () => Promise<readonly Job[]>): Promise<void> {
    const { store, tenant, clock } = this.#options;
    try {
      if (await store.claim(tenant, pagePeriodMs)) this.note(await readPage());
      this.#pageAtMs = clock.monotonicMs();
    } catch (err) {
      this.#pageAtMs = clock.monotonicMs();
      this.#log(err, 'could not read earlier runs');
    }
  }

  /** Begins an exchange with the store. Only the first one is awaited. */
  #exchangeIfDue(): Promise<void> | undefined {
    const nowMs = this.#options.clock.monotonicMs();
    const isFirst = this.#exchangedAtMs === Number.NEGATIVE_INFINITY;
    if (this.#exchange === null && nowMs - this.#exchangedAtMs >= exchangeIntervalMs) {
      this.#exchange = this.#exchangeRuns().finally(() => {
        this.#exchange = null;
        this.#exchangedAtMs = nowMs;
      });
    }
    return isFirst ? (this.#exchange ?? undefined) : undefined;
  }

  async #exchangeRuns(): Promise<void> {
    const { store, tenant, kind } = this.#options;
    const before = this.#current;
    const added = [...this.#unsent.values()].filter((run) => before.get(run.id) !== null);
    this.#unsent.clear();
    try {
      const exchange = { tenant, kind, added, dropped: [], version: this.#version };
      const { version, runs, unreadable } = await store.exchange(exchange);
      this.#version = version;
      if (runs === null) return;
      this.#index = new RunIndex([...runs, ...this.#current.runs]);
      // The store may have lost runs. All replicas keep the same ones of all runs.
      const stored = new Set(runs.map(({ id }) => id));
      for (const run of this.#index.runs) if (!stored.has(run.id)) this.#unsent.set(run.id, run);
      const dropped = [...unreadable, ...[...stored].filter((id) => this.#index.get(id) === null)];
      if (dropped.length > 0) await store.exchange({ ...exchange, added: [], dropped, version });
    } catch (err) {
      for (const run of added) this.#unsent.set(run.id, run);
      this.#log(err, 'could not exchange runs with other replicas');
    }
  }

  #examine(id: string): void {
    if (this.#examined.size >= maxExamined) this.#examined.clear();
    this.#examined.add(id);
  }

  #log(err: unknown, message: string): void {
    const { logger, tenant, kind } = this.#options;
    logger.debug({ kind, ...tenant, err }, message);
  }
}
