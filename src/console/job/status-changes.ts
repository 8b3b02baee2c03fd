import { ValueStore } from '../app/value-store.ts';
import type { ExportJobStatus, WatchEventKind } from '../operations.generated.ts';

/** A change of the status that this page has seen. */
export interface StatusChange {
  /** Time at which the gateway saw it, as RFC 3339 text. */
  readonly at: string;
  readonly from: ExportJobStatus;
  readonly to: ExportJobStatus;
}

interface JobEvent {
  readonly kind: WatchEventKind;
  readonly observedAt: string;
  readonly previousStatus: ExportJobStatus | null;
  readonly job: { readonly status: ExportJobStatus } | null;
}

/** The changes in the events of one job, oldest first. Export jobs and segment jobs have the same statuses. */
export class StatusChanges extends ValueStore<readonly StatusChange[]> {
  constructor() {
    super([]);
  }

  add({ kind, observedAt, previousStatus, job }: JobEvent): void {
    if (kind !== 'CHANGED' || previousStatus === null || job === null || previousStatus === job.status) return;
    const seen = this.get();
    // urql emits an event again when its cache changes.
    if (seen.some(({ at, to }) => at === observedAt && to === job.status)) return;
    this.set([...seen, { at: observedAt, from: previousStatus, to: job.status }]);
  }
}
