/** What export jobs, segment jobs and batches have in common. */

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
