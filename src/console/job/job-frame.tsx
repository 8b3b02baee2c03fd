import { type ReactNode, useEffect } from 'react';
import { Link } from 'react-aria-components/Link';
import type { Failure } from '../app/failure.ts';
import { LiveBadge, LiveNotice } from '../app/live-status.tsx';
import { useValue } from '../app/use-value.ts';
import type { Feed } from '../live/feed.ts';
import type { LiveRow } from '../live/live-list.ts';
import { texts } from '../texts.ts';
import { Button, ButtonLink } from '../ui/button.tsx';
import { FailureText } from '../ui/failure-text.tsx';
import { EmptyState, FailureState, Notice, Skeleton } from '../ui/feedback.tsx';
import { StatusPill } from '../ui/status-pill.tsx';
import '../styles/job.css';
import type { Job } from './job-feed.ts';

/** The newest state of the only job of a live view. @param found the job as it was read; null if it is not known */
export function useLiveJob<Row extends LiveRow>(feed: Feed<Row>, found: Row | null): Row | null {
  useEffect(() => {
    if (found !== null) feed.list.add([found]);
  }, [found, feed]);
  const isFound = found !== null;
  useEffect(() => {
    if (!isFound) return;
    feed.start();
    return () => feed.close();
  }, [isFound, feed]);
  return useValue(feed.list).rows[0] ?? found;
}

export interface UnknownJobProps {
  readonly isLoading: boolean;
  /** Why the job could not be read; null: the platform does not have it. */
  readonly failure: Failure | null;
  readonly onRetry: () => void;
  readonly notFound: { readonly title: string; readonly text: string; readonly action: string };
  /** Path of the list of jobs of this kind. */
  readonly listPath: string;
}

/** Page of a job without a known state: it is being read, cannot be read, or does not exist. */
export function UnknownJob({ isLoading, failure, onRetry, notFound, listPath }: UnknownJobProps) {
  if (isLoading) return <Skeleton label={texts.job.loading} lines={8} />;
  if (failure !== null) return <FailureState failure={failure} onRetry={onRetry} />;
  return (
    <EmptyState title={notFound.title} text={notFound.text}>
      <ButtonLink href={listPath}>{notFound.action}</ButtonLink>
    </EmptyState>
  );
}

export interface JobFrameProps {
  readonly job: Pick<Job, 'platformId' | 'status' | 'isOverdue' | 'isTerminal'>;
  readonly feed: Pick<Feed<LiveRow>, 'failure' | 'start'>;
  readonly staleSince: string | null;
  /** The list that contains the job. */
  readonly list: { readonly path: string; readonly label: string };
  readonly actions: ReactNode;
  readonly children: ReactNode;
}

/** Head and state of the page of a job. */
export function JobFrame({ job, feed, staleSince, list, actions, children }: JobFrameProps) {
  const failure = useValue(feed.failure);
  return (
    <>
      <nav className="crumbs" aria-label={texts.job.path}>
        <Link href={list.path}>{list.label}</Link>
      </nav>
      <div className="page-head job-head">
        <h1>{texts.job.title(job.platformId)}</h1>
        <StatusPill status={job.status} isOverdue={job.isOverdue} />
        {!job.isTerminal && <LiveBadge staleSince={staleSince} failed={failure !== null} />}
        <div className="page-actions">{actions}</div>
      </div>
      {!job.isTerminal && <LiveNotice staleSince={staleSince} />}
      {failure !== null && (
        <Notice tone="warning" title={texts.job.liveEnded}>
          <FailureText failure={failure} /> <Button onPress={() => feed.start()}>{texts.failures.retry}</Button>
        </Notice>
      )}
      {children}
    </>
  );
}
