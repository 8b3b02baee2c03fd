/** What export jobs, segment jobs and batches have in common. */

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

/** A status that nothing leaves. An unknown status may still change, so it counts as not terminal. */
export function isTerminalJobStatus(status: JobStatus): boolean {
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

export interface JobError {
  readonly code: string;
  readonly message: string;
  readonly callStack: string | null;
}

/**
 * Ended jobs stay in the state of a live view for this long, in seconds, so that new subscribers can begin with the jobs
 * that ended lately. The upper limit of `endedWithinSeconds`.
 */
export const maxEndedWithinSeconds = 3_600;
