import { type ReactNode, useEffect, useMemo } from 'react';
import { useSearchParams } from 'react-router';
import { formatCount } from '../app/format.ts';
import { LiveBadge, LiveNotice } from '../app/live-status.tsx';
import { useValue } from '../app/use-value.ts';
import type { Feed } from '../live/feed.ts';
import { texts } from '../texts.ts';
import { Button } from '../ui/button.tsx';
import { FailureText } from '../ui/failure-text.tsx';
import { EmptyState, FailureState, Notice, Skeleton } from '../ui/feedback.tsx';
import { Segmented } from '../ui/segmented.tsx';
import '../styles/board.css';
import '../styles/filters.css';
import { type BoardFilters, filtersOf, jobStates, matches, noFilters, withFilters } from './filters.ts';
import type { Job } from './job.ts';
import { JobTable } from './job-table.tsx';
import { PeriodFilter } from './period-filter.tsx';
import { type ReadPage, usePages } from './use-pages.ts';
import { visibleRows } from './visible-rows.ts';

export interface JobBoardProps<Row extends Job> {
  readonly feed: Feed<Row>;
  /** The same function as long as the filters are the same. */
  readonly read: ReadPage<Row>;
  readonly title: string;
  readonly tableLabel: string;
  readonly targetLabel: string;
  readonly pathOf: (job: Job) => string;
  /** Next to the title. */
  readonly action?: ReactNode;
  /** Besides the states. */
  readonly moreFilters: ReactNode;
  /** Shown if there is no job at all. */
  readonly empty: ReactNode;
}

/** The filters of the URL, and a function that changes them there. */
export function useBoardFilters(): readonly [BoardFilters, (changed: Partial<BoardFilters>) => void] {
  const [params, setParams] = useSearchParams();
  const filters = useMemo(() => filtersOf(params), [params]);
  return [
    filters,
    (changed) => setParams((present) => withFilters(present, { ...filters, ...changed }), { replace: true }),
  ];
}

/** A live table of jobs. */
export function JobBoard<Row extends Job>(props: JobBoardProps<Row>) {
  const { feed, read, title, tableLabel, targetLabel, pathOf, action, moreFilters, empty } = props;
  useEffect(() => feed.start(), [feed]);
  const { rows, staleSince, resyncs } = useValue(feed.list);
  const failure = useValue(feed.failure);
  const [filters, change] = useBoardFilters();
  const pages = usePages(feed.list, read, resyncs);
  const jobs = useMemo(
    () => visibleRows(rows, { matches: (job) => matches(job, filters), horizon: pages.horizon }),
    [rows, filters, pages.horizon],
  );
  const running = rows.filter((job) => !job.isTerminal);
  const counts = { running: running.length, overdue: running.filter((job) => job.isOverdue).length };
  const isFiltered = Object.entries(noFilters).some(([name, value]) => filters[name as keyof BoardFilters] !== value);

  return (
    <>
      <div className="page-head">
        <h1>{title}</h1>
        <LiveBadge staleSince={staleSince} failed={failure !== null} />
        <div className="page-action">{action}</div>
      </div>
      <LiveNotice staleSince={staleSince} />
      {failure !== null && (
        <Notice tone="warning" title={texts.live.ended}>
          <FailureText failure={failure} />{' '}
          <Button look="quiet" onPress={feed.start}>
            {texts.failures.retry}
          </Button>
        </Notice>
      )}
      <div className="filters">
        <Segmented
          label={texts.board.filters}
          options={jobStates.map((id) => ({
            id,
            label: texts.board.states[id],
            count: id === 'running' || id === 'overdue' ? counts[id] : undefined,
          }))}
          value={filters.state}
          onChange={(state) => change({ state })}
        />
        {moreFilters}
        <PeriodFilter value={filters} onChange={change} />
        <span className="muted filters-count">
          {(jobs.length > 0 || pages.kind === 'ready') &&
            texts.board.count(formatCount(jobs.length), jobs.length, pages.horizon !== null)}
        </span>
      </div>
      <div className="card table-card">
        {jobs.length > 0 ? (
          <JobTable
            label={tableLabel}
            jobs={jobs}
            targetLabel={targetLabel}
            pathOf={pathOf}
            onEnd={pages.horizon === null || pages.failure !== null ? null : pages.loadMore}
            isLoading={pages.kind === 'loading'}
          />
        ) : pages.kind === 'loading' ? (
          <Skeleton label={texts.board.loading} lines={8} />
        ) : pages.failure !== null ? (
          <FailureState failure={pages.failure} onRetry={pages.loadMore} />
        ) : isFiltered ? (
          <EmptyState title={texts.board.noMatch.title} text={texts.board.noMatch.text}>
            <div className="actions">
              {pages.horizon !== null && <Button onPress={pages.loadMore}>{texts.board.noMatch.older}</Button>}
              <Button onPress={() => change(noFilters)}>{texts.board.noMatch.action}</Button>
            </div>
          </EmptyState>
        ) : (
          empty
        )}
      </div>
      {pages.failure !== null && jobs.length > 0 && (
        <Notice tone="warning" title={texts.failures.title}>
          <FailureText failure={pages.failure} />{' '}
          <Button look="quiet" onPress={pages.loadMore}>
            {texts.failures.retry}
          </Button>
        </Notice>
      )}
    </>
  );
}
