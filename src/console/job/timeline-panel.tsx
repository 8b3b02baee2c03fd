import { formatDuration, formatFull, formatMoment } from '../app/format.ts';
import { useNow } from '../app/use-now.ts';
import { texts } from '../texts.ts';
import { Panel } from '../ui/panel.tsx';
import type { StatusChange } from './status-changes.ts';
import { stagesOf, type TimedJob, type TimelineEntry, timelineOf } from './timeline.ts';

/** Share of the time axis that the shortest stage takes, so that it is visible. */
const leastWidth = 0.008;

export interface TimelinePanelProps {
  readonly job: TimedJob;
  readonly changes: readonly StatusChange[];
}

/** The stages of a job on a common axis, and its history. */
export function TimelinePanel({ job, changes }: TimelinePanelProps) {
  const now = useNow();
  return (
    <Panel title={texts.job.stages.title}>
      <ul className="stages">
        {stagesOf(job, now).map(({ name, start, width, ms, isRunning }) => (
          <li key={name} className="stage">
            <span>{texts.job.stages.names[name]}</span>
            <span className="stage-duration">
              {isRunning ? texts.job.stages.running(formatDuration(wholeSeconds(ms))) : formatDuration(ms)}
            </span>
            <span className="stage-track" aria-hidden="true">
              <span
                className={isRunning ? 'stage-fill stage-running' : `stage-fill stage-${name}`}
                style={{
                  left: `${Math.min(1 - leastWidth, start) * 100}%`,
                  width: `${Math.max(leastWidth, width) * 100}%`,
                }}
              />
            </span>
          </li>
        ))}
      </ul>
      <ol className="timeline">
        {timelineOf(job, changes).map((entry) => (
          <li
            key={`${entry.kind} ${entry.at} ${'batchId' in entry ? entry.batchId : ''}${'stage' in entry ? entry.stage : ''}`}
            className={`moment moment-${toneOf(entry)}`}
          >
            <span className="moment-dot" aria-hidden="true" />
            <span className="moment-text">{textOf(entry)}</span>
            <time dateTime={entry.at} title={formatFull(entry.at)}>
              {formatMoment(entry.at, now)}
            </time>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

/** As the time since the start, which is shown next to it. */
const wholeSeconds = (ms: number): number => Math.floor(ms / 1_000) * 1_000;

function textOf(entry: TimelineEntry): string {
  const { events } = texts.job;
  switch (entry.kind) {
    case 'ended':
      return events.ended(texts.status[entry.status]);
    case 'stage-started':
    case 'stage-ended':
      return events[entry.kind][entry.stage];
    case 'status':
      return events.status(texts.status[entry.from], texts.status[entry.to]);
    case 'batch-started':
    case 'batch-readable':
    case 'batch-failed':
      return events[entry.kind](entry.batchId.slice(0, 8));
    default:
      return events[entry.kind];
  }
}

function toneOf(entry: TimelineEntry): string {
  switch (entry.kind) {
    case 'ended':
      return entry.status === 'SUCCEEDED' ? 'good' : entry.status === 'FAILED' ? 'bad' : 'neutral';
    case 'batch-readable':
      return 'good';
    case 'batch-failed':
      return 'bad';
    case 'overdue':
      return 'late';
    case 'likely-end':
    case 'latest-end':
      return 'expected';
    default:
      return 'neutral';
  }
}
