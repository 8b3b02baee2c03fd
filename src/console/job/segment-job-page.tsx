import { useMemo } from 'react';
import { Link } from 'react-aria-components/Link';
import { useParams } from 'react-router';
import { useClient, useQuery } from 'urql';
import { browserClock } from '../app/clock.ts';
import { failureOf } from '../app/failure.ts';
import { formatCount } from '../app/format.ts';
import { graphiqlLink } from '../app/graphiql.ts';
import { historyPath, pages, scheduleHistoryPath, segmentJobPath } from '../app/paths.ts';
import type { Settings } from '../app/settings.ts';
import { useValue } from '../app/use-value.ts';
import { everySegment } from '../board/job.ts';
import { SegmentJobPageDocument } from '../operations.generated.ts';
import { texts } from '../texts.ts';
import { ButtonLink } from '../ui/button.tsx';
import { Fact, Facts, Panel } from '../ui/panel.tsx';
import { Comparison } from './comparison.tsx';
import { Errors } from './errors.tsx';
import { JobFrame, UnknownJob, useLiveJob } from './job-frame.tsx';
import { Namespaces } from './namespaces.tsx';
import { createSegmentJobFeed, namespacesOf, type SegmentJob } from './segment-job-feed.ts';
import { Summary } from './summary.tsx';
import { Support } from './support.tsx';
import { timedEvaluation } from './timeline.ts';
import { TimelinePanel } from './timeline-panel.tsx';

/** Everything about one segment job, live until it has ended. */
export function SegmentJobPage({ settings }: { readonly settings: Settings }) {
  const { id = '' } = useParams();
  // Another job has a live view of its own.
  return <SegmentJobView key={id} id={id} settings={settings} />;
}

function SegmentJobView({ id, settings }: { readonly id: string; readonly settings: Settings }) {
  const client = useClient();
  const feed = useMemo(() => createSegmentJobFeed(client, browserClock, id), [client, id]);
  const [{ data, error, fetching }, read] = useQuery({
    query: SegmentJobPageDocument,
    variables: { id },
    requestPolicy: 'network-only',
  });
  const found = data?.segmentJob ?? null;
  const job = useLiveJob<SegmentJob>(feed, found);
  const { staleSince } = useValue(feed.list);
  const changes = useValue(feed.changes);
  const words = texts.segmentJob;
  if (job === null) {
    return (
      <UnknownJob
        isLoading={fetching}
        failure={error === undefined ? null : failureOf(error)}
        onRetry={() => read({ requestPolicy: 'network-only' })}
        notFound={words.notFound}
        listPath={pages.segmentJobs}
      />
    );
  }
  return (
    <JobFrame
      job={job}
      feed={feed}
      staleSince={staleSince}
      list={{ path: pages.segmentJobs, label: texts.nav.segmentJobs }}
      actions={
        <>
          <ButtonLink href={historyPath('segment-jobs', job.platformId)}>{texts.history.ofSegmentJob}</ButtonLink>
          {settings.graphiql && (
            <ButtonLink href={graphiqlLink(SegmentJobPageDocument, { id })} target="_blank" rel="noreferrer">
              {texts.job.asGraphQL}
            </ButtonLink>
          )}
        </>
      }
    >
      <Summary job={job} profiles={job.metrics?.totalProfiles ?? null} totalTime={job.metrics?.totalTime ?? null} />
      <div className="job-columns">
        <div className="job-column">
          <Errors job={job} errors={job.errors} />
          <Segments job={job} />
          <Namespaces profiles={namespacesOf(job)} comparison={job.comparison} hint={words.namespacesHint} />
        </div>
        <div className="job-column">
          <TimelinePanel job={timedEvaluation(job)} changes={changes} />
          <Origin job={job} />
          <Comparison job={job} previousId={found?.previousRun?.platformId ?? null} pathOf={segmentJobPath} />
          <Support job={job} />
        </div>
      </div>
    </JobFrame>
  );
}

/** The segments with their numbers of profiles. A job of all segments names them when it has ended. */
function Segments({ job: { segments } }: { readonly job: SegmentJob }) {
  const words = texts.segmentJob.segments;
  const named = segments.filter(({ segmentId }) => segmentId !== everySegment);
  const hint = named.length === segments.length ? words.count(formatCount(named.length), named.length) : words.all;
  return (
    <Panel title={words.title} hint={hint}>
      {named.length > 0 && (
        <table className="bars">
          <thead>
            <tr>
              <th scope="col" className="bars-head">
                {words.segment}
              </th>
              <th scope="col" className="bars-head cell-number">
                {words.profiles}
              </th>
            </tr>
          </thead>
          <tbody>
            {named.map(({ segmentId, definition, profileCount }) => (
              <tr key={segmentId}>
                <th scope="row">{definition?.name ?? segmentId}</th>
                <td className="cell-number">{formatCount(profileCount)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

/** Origin of the job: a schedule, or a request. */
function Origin({ job: { source, scheduleId, schedule } }: { readonly job: SegmentJob }) {
  const words = texts.segmentJob.origin;
  return (
    <Panel title={words.title}>
      <Facts>
        <Fact name={words.source}>{sourceText(source)}</Fact>
        {scheduleId !== null && (
          <Fact name={words.schedule}>
            <Link href={scheduleHistoryPath(scheduleId)}>{schedule?.name ?? texts.schedules.unnamed(scheduleId)}</Link>
          </Fact>
        )}
      </Facts>
    </Panel>
  );
}

function sourceText(source: string | null): string {
  const { sources, unknown } = texts.segmentJob.origin;
  if (source === 'api' || source === 'scheduler') return sources[source];
  return source ?? unknown;
}
