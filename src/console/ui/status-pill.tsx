import type { ExportJobStatus } from '../operations.generated.ts';
import { texts } from '../texts.ts';

const tones = {
  NEW: 'neutral',
  QUEUED: 'neutral',
  PROCESSING: 'running',
  CANCELLING: 'neutral',
  CANCELLED: 'neutral',
  SUCCEEDED: 'good',
  FAILED: 'bad',
  UNKNOWN: 'neutral',
} as const satisfies Record<ExportJobStatus, string>;

/** Status of a job in words, with a color. Export jobs and segment jobs have the same statuses. */
export function StatusPill({
  status,
  isOverdue = false,
}: {
  readonly status: ExportJobStatus;
  readonly isOverdue?: boolean;
}) {
  return (
    <span className="pills">
      <span className={`pill pill-${tones[status]}`}>
        <span className="pill-dot" aria-hidden="true" />
        {texts.status[status]}
      </span>
      {isOverdue && <span className="pill pill-late">{texts.overdue}</span>}
    </span>
  );
}
