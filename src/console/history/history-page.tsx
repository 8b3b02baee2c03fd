import { useEffect, useMemo } from 'react';
import { Link } from 'react-aria-components/Link';
import { useSearchParams } from 'react-router';
import { useQuery } from 'urql';
import { failureOf } from '../app/failure.ts';
import { formatCount, formatDuration } from '../app/format.ts';
import { useGateway } from '../app/gateway.tsx';
import { LiveBadge, LiveNotice } from '../app/live-status.tsx';
import { exportJobPath, segmentJobPath } from '../app/paths.ts';
import { useValue } from '../app/use-value.ts';
import { DatasetFilter, SegmentFilter } from '../board/choice-filters.tsx';
import { matches, noFilters } from '../board/filters.ts';
import { ScheduleChoicesDocument } from '../operations.generated.ts';
import { texts } from '../texts.ts';
import { Button } from '../ui/button.tsx';
import { EmptyState, FailureState, Skeleton } from '../ui/feedback.tsx';
import { Panel } from '../ui/panel.tsx';
import { Segmented } from '../ui/segmented.tsx';
import { Select } from '../ui/select.tsx';
import { Tile, Tiles } from '../ui/tiles.tsx';
import '../styles/filters.css';
import '../styles/history.css';
import { expectedDuration } from './expected-duration.ts';
import { formatShare, OutcomeRates } from './outcomes.tsx';
import { Plot } from './plot.tsx';
import { shownRuns } from './read-runs.ts';
import { countOutcomes, type ExpectedRun, isLate, type Run, withExpectations } from './runs.ts';
import { RunsTable } from './runs-table.tsx';
import { allRuns, type Selection, selectionOf, withSelection } from './selection.ts';
import { useRuns } from './use-runs.ts';

const kinds = ['export-jobs', 'segment-jobs'] as const;

/** Durations, outcomes and changes of the last runs of a request, a dataset, a schedule, a segment or all of them. */
export function HistoryPage() {
  const [params, setParams] = useSearchParams();
  const selection = useMemo(() => selectionOf(params), [params]);
  const { exportJobs, segmentJobs } = useGateway();
  const feed = selection.of === 'export-jobs' ? exportJobs : segmentJobs;
  useEffect(() => feed.start(), [feed]);
  const { rows, staleSince } = useValue(feed.list);
  const failure = useValue(feed.failure);
  const jobs = useMemo(() => rows.filter((row) => canBelong(row, selection)), [rows, selection]);
  const { result, read } = useRuns(selection, jobs);
  const select = (changed: Selection) => setParams((present) => withSelection(present, changed));
  const words = texts.history;
  return (
    <>
      <div className="page-head">
        <h1>{texts.nav.history}</h1>
        <LiveBadge staleSince={staleSince} failed={failure !== null} />
      </div>
      <LiveNotice staleSince={staleSince} />
      <div className="filters">
        <Segmented
          label={words.of}
          options={kinds.map((id) => ({ id, label: words.kinds[id] }))}
          value={selection.of}
          onChange={(of) => select(allRuns(of))}
        />
        {selection.job === null ? (
          <Filters selection={selection} onChange={select} />
        ) : (
          <JobFilter of={selection.of} job={selection.job} onRemove={() => select(allRuns(selection.of))} />
        )}
      </div>
      {result === null ? (
        <Skeleton label={words.loading} lines={8} />
      ) : result.kind === 'failed' ? (
        <FailureState failure={failureOf(result.error ?? { graphQLErrors: [] })} onRetry={read} />
      ) : result.kind === 'not-found' ? (
        <EmptyState title={words.notFound.title} text={words.notFound.text}>
          <Button onPress={() => select(allRuns(selection.of))}>{words.showAll}</Button>
        </EmptyState>
      ) : result.runs.length === 0 ? (
        <div className="card">
          <EmptyState title={words.empty.title} text={words.empty.text} />
        </div>
      ) : (
        <Runs all={result.runs} of={selection.of} />
      )}
    </>
  );
}

const pathsOf = { 'export-jobs': exportJobPath, 'segment-jobs': segmentJobPath };

/** Whether a job of the live view can be a run of the selection. Its request is only known after it was read. */
function canBelong(job: Parameters<typeof matches>[0], { of, dataset, schedule, segment }: Selection): boolean {
  return matches(job, { ...noFilters, dataset: of === 'export-jobs' ? dataset : schedule, segment });
}

interface FiltersProps {
  readonly selection: Selection;
  readonly onChange: (changed: Selection) => void;
}

function Filters({ selection, onChange }: FiltersProps) {
  const { of, dataset, schedule, segment } = selection;
  return (
    <>
      {of === 'export-jobs' ? (
        <DatasetFilter value={dataset} onChange={(id) => onChange({ ...selection, dataset: id })} />
      ) : (
        <ScheduleFilter value={schedule} onChange={(id) => onChange({ ...selection, schedule: id })} />
      )}
      <SegmentFilter value={segment} onChange={(id) => onChange({ ...selection, segment: id })} />
    </>
  );
}

/** All schedules. No schedule has this id. */
const everySchedule = '';

function ScheduleFilter(props: { readonly value: string | null; readonly onChange: (id: string | null) => void }) {
  const { value, onChange } = props;
  const [{ data }] = useQuery({ query: ScheduleChoicesDocument });
  const schedules = (data?.schedules?.nodes ?? []).map(({ platformId, name }) => ({
    id: platformId,
    label: name ?? texts.schedules.unnamed(platformId),
  }));
  const isListed = value === null || schedules.some(({ id }) => id === value);
  return (
    <Select
      label={texts.board.columns.schedule}
      isLabelHidden
      options={[
        { id: everySchedule, label: texts.history.allSchedules },
        ...schedules,
        ...(isListed ? [] : [{ id: value, label: texts.schedules.unnamed(value) }]),
      ]}
      value={value ?? everySchedule}
      onChange={(id) => onChange(id === everySchedule ? null : id)}
    />
  );
}

interface JobFilterProps {
  readonly of: Selection['of'];
  readonly job: string;
  readonly onRemove: () => void;
}

function JobFilter({ of, job, onRemove }: JobFilterProps) {
  const { sameRequest, sameRequestOrSchedule, showAll } = texts.history;
  return (
    <>
      <Link href={pathsOf[of](job)}>{of === 'export-jobs' ? sameRequest(job) : sameRequestOrSchedule(job)}</Link>
      <Button onPress={onRemove}>{showAll}</Button>
    </>
  );
}

function Runs({ all, of }: { readonly all: readonly Run[]; readonly of: Selection['of'] }) {
  const runs = useMemo(() => withExpectations(all, shownRuns), [all]);
  const words = texts.history;
  const late = runs.filter(isLate).length;
  return (
    <>
      <h2>{words.shown(formatCount(runs.length), runs.length)}</h2>
      <Numbers all={all} runs={runs} late={late} />
      <Panel title={words.plot.title} hint={words.plot.hint}>
        <Plot runs={runs} label={words.plot.label(formatCount(runs.length), formatCount(late))} />
      </Panel>
      <Panel title={words.outcomes.title}>
        <OutcomeRates runs={runs} />
      </Panel>
      <Panel title={words.table.title} hint={words.table.hint}>
        <RunsTable runs={runs} pathOf={pathsOf[of]} />
      </Panel>
    </>
  );
}

interface NumbersProps {
  readonly all: readonly Run[];
  readonly runs: readonly ExpectedRun[];
  readonly late: number;
}

function Numbers({ all, runs, late }: NumbersProps) {
  const words = texts.history.facts;
  const { succeeded } = countOutcomes(runs);
  const ended = all.flatMap(({ status, totalMs }) => (status === 'SUCCEEDED' && totalMs !== null ? [totalMs] : []));
  const next = expectedDuration(ended);
  const last = runs.find(({ profiles }) => profiles !== null)?.profiles ?? null;
  const count = formatCount(runs.length);
  return (
    <div className="card summary-card">
      <Tiles>
        <Tile name={words.succeeded} note={words.ofRuns(formatCount(succeeded), count)}>
          {formatShare(succeeded, runs.length)}
        </Tile>
        <Tile
          name={words.likely}
          note={next === null ? words.noExpectation : words.likelyNote(formatDuration(next.latestMs))}
        >
          {next === null ? texts.time.none : formatDuration(next.likelyMs)}
        </Tile>
        <Tile name={words.late} note={words.ofRuns(formatCount(late), count)} isLate={late > 0}>
          {formatShare(late, runs.length)}
        </Tile>
        <Tile name={words.profiles} note={null}>
          {formatCount(last)}
        </Tile>
      </Tiles>
    </div>
  );
}
