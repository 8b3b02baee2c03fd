import type { ObjectRef } from '@pothos/core';
import type { GatewayContext } from '../../context/context.ts';
import type { TimeSpan } from '../../domain/job.ts';
import { progressOf } from '../../domain/runs/progress.ts';
import { elapsedMs } from '../../domain/runs/run.ts';
import type { JobRuns, RunningJob } from '../../runs/job-runs.ts';
import { builder } from '../builder.ts';
import { RunComparisonRef, RunExpectationRef } from './run-types.ts';

type Types = (typeof builder)['$inferSchemaTypes'];

interface TimedJob extends RunningJob {
  readonly metrics: { readonly totalTime: TimeSpan | null } | null;
}

/**
 * Adds the fields about the expected end of a job to its type. They are computed from runs that the gateway has read
 * before. Only the first of them in an operation may read a page of runs, and none does in an event.
 * @param runsOf returns the runs of the tenant
 */
export function addRunFields<Job extends TimedJob>(
  ref: ObjectRef<Types, Job>,
  runsOf: (context: GatewayContext) => JobRuns<Job> | Promise<JobRuns<Job>>,
): void {
  /** Creates no promise unless the runs must be awaited, because a list has many of these fields. */
  const withRuns = <Result>(context: GatewayContext, use: (runs: JobRuns<Job>) => Result): Result | Promise<Result> => {
    const runs = runsOf(context);
    return runs instanceof Promise ? runs.then(use) : use(runs);
  };
  builder.objectFields(ref, (t) => ({
    elapsedMs: t.field({
      type: 'SafeInt',
      nullable: true,
      description:
        'Milliseconds from the start of the job to its end, or to now if it has not ended. Null if the platform reports no end of an ended job.',
      resolve: (job, _, { clock }) => elapsedMs(job, clock.now()),
    }),
    progress: t.float({
      nullable: true,
      description:
        'Estimate of the progress from 0 to 1, derived from `expectation`: 0.95 at the likely end, 1 after success. Null without an expectation, and after a failure.',
      resolve: (job, _, context) =>
        withRuns(context, (runs) => progressOf(job, runs.expectation(job), context.clock.now())),
    }),
    expectation: t.field({
      type: RunExpectationRef,
      nullable: true,
      description:
        'Expected end. Null if the job has ended, or if fewer than three earlier runs with plausible times are known.',
      resolve: (job, _, context) => withRuns(context, (runs) => runs.expectation(job)),
    }),
    isOverdue: t.boolean({
      description:
        'True if the job runs and has taken longer than nine of ten earlier runs. False without an expectation.',
      resolve: (job, _, context) => withRuns(context, (runs) => runs.isOverdue(job)),
    }),
    comparison: t.field({
      type: RunComparisonRef,
      nullable: true,
      description: 'Differences from the previous run. Null until the job has ended, and if no previous run is known.',
      resolve: (job, _, context) => withRuns(context, (runs) => runs.comparison(job)),
    }),
  }));
}

/** Description of the field `previousRun`. */
export const previousRunDescription =
  'Last ended run before this job, whether or not it succeeded: of the same schedule, else of the same request, else of the same type. Null if none is known, or if the platform no longer has it.';

/** Description of the condition `isOverdue` of a filter. */
export const isOverdueDescription =
  'True: only running jobs that have taken longer than nine of ten earlier runs. False: only the other jobs.';
