import { useEffect, useMemo } from 'react';
import { useClient, useQuery } from 'urql';
import { browserClock } from '../app/clock.ts';
import { failureOf } from '../app/failure.ts';
import { LiveBadge, LiveNotice } from '../app/live-status.tsx';
import { useValue } from '../app/use-value.ts';
import { SchedulesPageDocument, ViewerDocument } from '../operations.generated.ts';
import { texts } from '../texts.ts';
import { EmptyState, FailureState, Skeleton } from '../ui/feedback.tsx';
import '../styles/schedules.css';
import { ScheduleCard } from './schedule-card.tsx';
import { createScheduleFeed, unknownTime } from './schedule-feed.ts';

/** The schedules of the sandbox, live. */
export function SchedulesPage() {
  const client = useClient();
  const feed = useMemo(() => createScheduleFeed(client, browserClock), [client]);
  const [{ data: viewer }] = useQuery({ query: ViewerDocument });
  const [{ data, error, fetching }, read] = useQuery({
    query: SchedulesPageDocument,
    requestPolicy: 'network-only',
  });
  const nodes = data?.schedules?.nodes;
  useEffect(() => {
    if (nodes !== undefined) feed.list.add(nodes.map((node) => ({ ...node, observedAt: unknownTime })));
  }, [nodes, feed]);
  useEffect(() => {
    feed.start();
    return () => feed.close();
  }, [feed]);
  const { rows, staleSince } = useValue(feed.list);
  const failure = useValue(feed.failure);
  const words = texts.schedules;
  return (
    <>
      <div className="page-head">
        <h1>{texts.nav.schedules}</h1>
        <LiveBadge staleSince={staleSince} failed={failure !== null} />
      </div>
      <LiveNotice staleSince={staleSince} />
      {rows.length > 0 ? (
        <div className="schedules">
          {rows.map((schedule) => (
            <ScheduleCard
              key={schedule.id}
              schedule={schedule}
              canWrite={viewer?.viewer.canWrite === true}
              onChanged={(changed) => feed.list.add([changed])}
            />
          ))}
        </div>
      ) : fetching ? (
        <Skeleton label={words.loading} lines={4} />
      ) : error !== undefined && nodes === undefined ? (
        <FailureState failure={failureOf(error)} onRetry={() => read({ requestPolicy: 'network-only' })} />
      ) : (
        <div className="card">
          <EmptyState title={words.empty.title} text={words.empty.text} />
        </div>
      )}
    </>
  );
}
