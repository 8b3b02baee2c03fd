/** Common parts of export jobs and segment jobs. */

export const jobStatuses = [
  'NEW',
  'QUEUED',
  'PROCESSING',
  'CANCELLING',
  'CANCELLED',
  'SUCCEEDED',
  'FAILED',
  'UNKNOWN',
] as const;
export type JobStatus = (typeof jobStatuses)[number];

/** The parts of a job that show whether it has ended. */
export interface JobProgress {
  readonly status: JobStatus;
  readonly metrics: { readonly totalTime: TimeSpan | null } | null;
}

/**
 * Whether a job has ended, so that its status no longer changes. A job of an unknown status has ended if the platform
 * reports an end time of the whole job. Otherwise its status may still change.
 */
export const isTerminalJob = ({ status, metrics }: JobProgress): boolean =>
  isTerminalStatus(status) || (status === 'UNKNOWN' && (metrics?.totalTime?.endedAt ?? null) !== null);

function isTerminalStatus(status: JobStatus): boolean {
  switch (status) {
    case 'SUCCEEDED':
    case 'FAILED':
    case 'CANCELLED':
      return true;
    case 'NEW':
    case 'QUEUED':
    case 'PROCESSING':
    case 'CANCELLING':
    case 'UNKNOWN':
      return false;
  }
}

export interface TimeSpan {
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  readonly durationMs: number | null;
}

export interface NamespaceCount {
  readonly namespace: string;
  readonly count: number;
}

/** The sum of two counts. A sum that a number does not represent exactly is the greatest exact one. */
export const sumOfCounts = (a: number, b: number): number => Math.min(a + b, Number.MAX_SAFE_INTEGER);

export interface JobError {
  readonly code: string;
  readonly message: string;
  readonly callStack: string | null;
  /** Number of rows with this error; null: the platform does not report it. */
  readonly recordCount: number | null;
}

/**
 * Time for which ended jobs stay in the state of a live view, in seconds, so that new subscribers can begin with
 * recently ended jobs. It is the upper limit of `endedWithinSeconds`.
 */
export const maxEndedWithinSeconds = 3_600;
