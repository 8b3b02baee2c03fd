import { type ReactNode, useEffect } from 'react';
import { Link } from 'react-aria-components/Link';
import { LiveBadge, LiveNotice } from '../app/live-status.tsx';
import { useValue } from '../app/use-value.ts';
import type { Feed } from '../live/feed.ts';
import type { LiveRow } from '../live/live-list.ts';
import { texts } from '../texts.ts';
import { Button } from '../ui/button.tsx';
import { FailureText } from '../ui/failure-text.tsx';
import { Notice } from '../ui/feedback.tsx';
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
