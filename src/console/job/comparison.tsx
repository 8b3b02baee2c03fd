import { Link } from 'react-aria-components/Link';
import { formatChange, formatDuration } from '../app/format.ts';
import { useNames } from '../app/use-name.ts';
import { texts } from '../texts.ts';
import { Fact, Facts, Panel } from '../ui/panel.tsx';
import type { Job } from './job-feed.ts';

export interface ComparisonProps {
  readonly job: Pick<Job, 'isTerminal' | 'comparison'>;
  /** Id of the previous run; null if none is known. */
  readonly previousId: string | null;
  readonly pathOf: (platformId: string) => string;
}

export function Comparison({ job, previousId, pathOf }: ComparisonProps) {
  const { comparison } = job;
  const added = useNames('SegmentDefinition', comparison?.segmentsAdded ?? []);
  const removed = useNames('SegmentDefinition', comparison?.segmentsRemoved ?? []);
  const words = texts.job.comparison;
  return (
    <Panel title={words.title}>
      {comparison === null ? (
        <p className="muted">{job.isTerminal || previousId === null ? words.none : words.pending}</p>
      ) : (
        <Facts>
          {comparison.previousDurationMs !== null && (
            <Fact name={words.duration}>
              {comparison.durationChangeMs === null ? texts.time.none : changeOfDuration(comparison.durationChangeMs)}{' '}
              <span className="muted">({texts.job.facts.previous(formatDuration(comparison.previousDurationMs))})</span>
            </Fact>
          )}
          {comparison.profilesChange !== null && (
            <Fact name={words.profiles}>{formatChange(comparison.profilesChange)}</Fact>
          )}
          {added.length > 0 && <Fact name={words.added}>{added.join(', ')}</Fact>}
          {removed.length > 0 && <Fact name={words.removed}>{removed.join(', ')}</Fact>}
        </Facts>
      )}
      {previousId !== null && (
        <Facts>
          <Fact name={words.run}>
            <Link href={pathOf(previousId)}>{words.previous(previousId)}</Link>
          </Fact>
        </Facts>
      )}
    </Panel>
  );
}

function changeOfDuration(ms: number): string {
  const { slower, faster, same } = texts.job.comparison;
  if (Math.abs(ms) < 1_000) return same;
  return ms > 0 ? slower(formatDuration(ms)) : faster(formatDuration(-ms));
}
