import { formatAge, formatChange, formatCount, formatDuration, formatFull, formatMoment } from '../app/format.ts';
import { useNow } from '../app/use-now.ts';
import { progressNow } from '../board/progress.ts';
import { texts } from '../texts.ts';
import { Progress } from '../ui/progress.tsx';
import { Tile, Tiles } from '../ui/tiles.tsx';
import type { Job } from './job-feed.ts';

export interface SummaryProps {
  /** An export job or a segment job. */
  readonly job: Pick<
    Job,
    | 'platformId'
    | 'isTerminal'
    | 'isOverdue'
    | 'createdAt'
    | 'elapsedMs'
    | 'progress'
    | 'expectation'
    | 'comparison'
    | 'requestedBy'
  >;
  /** Null if the platform does not report it. */
  readonly profiles: number | null;
  /** Null before the start. */
  readonly totalTime: { readonly startedAt: string | null; readonly endedAt: string | null } | null;
}

/** The most important numbers, and the progress of a running job. */
export function Summary({ job, profiles, totalTime }: SummaryProps) {
  const now = useNow();
  const words = texts.job.facts;
  const startedAt = totalTime?.startedAt ?? job.createdAt;
  const endedAt = totalTime?.endedAt ?? null;
  const runningMs = Math.floor(Math.max(0, now - Date.parse(startedAt)) / 1_000) * 1_000;
  const change = job.comparison?.profilesChange ?? null;
  return (
    <div className="card summary-card">
      {!job.isTerminal && (
        <Progress
          label={texts.board.progressOf(job.platformId)}
          value={progressNow(job, now)}
          tone={job.isOverdue ? 'late' : 'running'}
        />
      )}
      <Tiles>
        <Tile name={words.profiles} note={change === null ? null : words.change(formatChange(change))}>
          {formatCount(profiles)}
        </Tile>
        {job.isTerminal ? (
          <>
            <Tile name={words.duration} note={beforeText(job)}>
              {job.elapsedMs === null ? texts.time.none : formatDuration(job.elapsedMs)}
            </Tile>
            <Tile name={words.ended} note={endedAt === null ? null : formatFull(endedAt)}>
              {endedAt === null ? texts.time.none : formatMoment(endedAt, now)}
            </Tile>
          </>
        ) : (
          <>
            <Tile name={words.elapsed} note={null}>
              {formatDuration(runningMs)}
            </Tile>
            <ExpectedEnd job={job} now={now} />
          </>
        )}
        <Tile name={words.created} note={formatFull(job.createdAt)}>
          {formatMoment(job.createdAt, now)}
        </Tile>
        {job.requestedBy !== null && (
          <Tile name={words.requestedBy} note={null}>
            {job.requestedBy}
          </Tile>
        )}
      </Tiles>
    </div>
  );
}

const beforeText = ({ comparison }: SummaryProps['job']): string | null =>
  comparison?.previousDurationMs == null
    ? null
    : texts.job.facts.previous(formatDuration(comparison.previousDurationMs));

function ExpectedEnd({
  job: { expectation, isOverdue },
  now,
}: {
  readonly job: SummaryProps['job'];
  readonly now: number;
}) {
  const words = texts.job.expectation;
  const name = texts.job.facts.expectedEnd;
  if (expectation === null)
    return (
      <Tile name={name} note={words.noneHint}>
        {words.none}
      </Tile>
    );
  const { likelyEndAt, latestEndAt, basis, sampleSize } = expectation;
  return (
    <Tile name={name} note={words.basis[basis](sampleSize)} isLate={isOverdue}>
      {isOverdue
        ? words.overdue(formatAge(now - Date.parse(latestEndAt)))
        : words.between(formatMoment(likelyEndAt, now), formatMoment(latestEndAt, now))}
    </Tile>
  );
}
