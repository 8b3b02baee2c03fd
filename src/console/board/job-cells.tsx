import {
  formatAge,
  formatChange,
  formatCount,
  formatDuration,
  formatFull,
  formatMoment,
  formatWhen,
} from '../app/format.ts';
import { useNames } from '../app/use-name.ts';
import { useNow } from '../app/use-now.ts';
import { texts } from '../texts.ts';
import { Progress } from '../ui/progress.tsx';
import { StatusPill } from '../ui/status-pill.tsx';
import type { Job } from './job.ts';
import { progressNow } from './progress.ts';

interface Props {
  readonly job: Job;
}

export const JobCell = ({ job }: Props) => (
  <span className="cell-stack">
    <span className="job-id" title={job.platformId}>
      {job.platformId}
    </span>
    <span className="cell-note">
      <When at={job.createdAt} />
      <Requester job={job} />
    </span>
  </span>
);

const Requester = ({ job: { requestedBy } }: Props) =>
  requestedBy !== null && <span title={requestedBy}>{texts.board.by(requestedBy)}</span>;

const When = ({ at }: { readonly at: string }) => {
  const now = useNow();
  return (
    <time dateTime={at} title={formatFull(at)}>
      {formatWhen(at, now)}
    </time>
  );
};

export const StatusCell = ({ job }: Props) => <StatusPill status={job.status} isOverdue={job.isOverdue} />;

export function ProgressCell({ job }: Props) {
  return job.isTerminal ? <EndedProgress job={job} /> : <RunningProgress job={job} />;
}

/** When a job has ended; for a failed job, the reason. */
function EndedProgress({ job }: Props) {
  const now = useNow();
  const [error] = job.errors;
  if (job.status === 'FAILED' && error !== undefined)
    return (
      <span className="cell-error" title={error.message}>
        {error.message}
      </span>
    );
  return (
    <span className="cell-note">
      {job.endedAt === null ? texts.time.none : texts.board.ended(formatWhen(job.endedAt, now))}
    </span>
  );
}

function RunningProgress({ job }: Props) {
  const now = useNow();
  const { expectation } = job;
  const value = progressNow(job, now);
  return (
    <span className="cell-stack">
      <Progress
        label={texts.board.progressOf(job.platformId)}
        value={value}
        tone={job.isOverdue ? 'late' : 'running'}
      />
      <span className={job.isOverdue ? 'cell-note cell-late' : 'cell-note'}>
        {expectation === null ? texts.board.noExpectation : endText(expectation, job.isOverdue, now)}
      </span>
    </span>
  );
}

function endText(
  { likelyEndAt, latestEndAt }: NonNullable<Job['expectation']>,
  isOverdue: boolean,
  now: number,
): string {
  if (isOverdue) return texts.board.overdueBy(formatAge(now - Date.parse(latestEndAt)));
  return Date.parse(likelyEndAt) > now
    ? texts.board.endsIn(formatDuration(Date.parse(likelyEndAt) - now))
    : texts.board.latestAt(formatMoment(latestEndAt, now));
}

export const TargetCell = ({ job: { target } }: Props) =>
  target === null ? (
    <span className="muted">{texts.board.noSchedule}</span>
  ) : (
    <Name type={target.type} id={target.id} />
  );

const Name = ({ type, id }: NonNullable<Job['target']>) => {
  const [name] = useNames(type, [id]);
  return (
    <span className="cell-text" title={name}>
      {name}
    </span>
  );
};

/** The first segment and the number of the others. */
export const SegmentsCell = ({ job: { segments, everything } }: Props) =>
  everything === null ? (
    <Segments ids={segments} />
  ) : (
    <span className="cell-text">{everything === 'profiles' ? texts.board.allProfiles : texts.board.allSegments}</span>
  );

function Segments({ ids }: { readonly ids: readonly string[] }) {
  const names = useNames('SegmentDefinition', ids);
  const [first = texts.time.none, ...others] = names;
  return (
    <span className="cell-text" title={names.join(', ')}>
      {others.length === 0 ? first : texts.board.segmentsAndMore(first, others.length)}
    </span>
  );
}

export const ProfilesCell = ({ job }: Props) => (
  <span className="cell-stack cell-number">
    <span>{formatCount(job.profiles)}</span>
    {job.comparison?.profilesChange != null && (
      <span className="cell-note" title={texts.board.comparedProfiles}>
        {formatChange(job.comparison.profilesChange)}
      </span>
    )}
  </span>
);

export function DurationCell({ job }: Props) {
  return (
    <span className="cell-stack cell-number">
      {job.isTerminal ? (
        <>
          <span>{job.elapsedMs === null ? texts.time.none : formatDuration(job.elapsedMs)}</span>
          <DurationChange job={job} />
        </>
      ) : (
        <Elapsed job={job} />
      )}
    </span>
  );
}

const DurationChange = ({ job: { comparison } }: Props) =>
  comparison?.previousDurationMs != null && (
    <span className="cell-note">{texts.board.previous(formatDuration(comparison.previousDurationMs))}</span>
  );

function Elapsed({ job }: Props) {
  const now = useNow();
  const start = Date.parse(job.startedAt ?? job.createdAt);
  return <span>{formatDuration(Math.max(0, Math.floor((now - start) / 1_000) * 1_000))}</span>;
}

/** All of a row in one cell, for narrow screens. */
export const SummaryCell = ({ job }: Props) => (
  <span className="summary">
    <span className="summary-line">
      <span className="summary-title">
        <TargetCell job={job} />
      </span>
      <StatusPill status={job.status} isOverdue={job.isOverdue} />
    </span>
    <span className="summary-line cell-note">
      <span className="summary-ids">
        <span className="summary-id">{job.platformId}</span>
        <SegmentsCell job={job} />
      </span>
      <When at={job.createdAt} />
    </span>
    <ProgressCell job={job} />
  </span>
);
