import { useMemo } from 'react';
import { useParams } from 'react-router';
import { useClient, useQuery } from 'urql';
import { browserClock } from '../app/clock.ts';
import { failureOf } from '../app/failure.ts';
import { graphiqlLink } from '../app/graphiql.ts';
import { exportJobPath, historyPath, pages } from '../app/paths.ts';
import type { Settings } from '../app/settings.ts';
import { useValue } from '../app/use-value.ts';
import { ExportJobPageDocument } from '../operations.generated.ts';
import { texts } from '../texts.ts';
import { ButtonLink } from '../ui/button.tsx';
import { Actions } from './actions.tsx';
import { Comparison } from './comparison.tsx';
import { Destination } from './destination.tsx';
import { Errors, errorsOf } from './errors.tsx';
import { createJobFeed, type Job } from './job-feed.ts';
import { JobFrame, UnknownJob, useLiveJob } from './job-frame.tsx';
import { Namespaces } from './namespaces.tsx';
import { RequestPanel } from './request-panel.tsx';
import { Summary } from './summary.tsx';
import { Support } from './support.tsx';
import { timedExport } from './timeline.ts';
import { TimelinePanel } from './timeline-panel.tsx';

/** Everything about one export job, live until it has ended. */
export function JobPage({ settings }: { readonly settings: Settings }) {
  const { id = '' } = useParams();
  // Another job has a live view of its own.
  return <JobView key={id} id={id} settings={settings} />;
}

function JobView({ id, settings }: { readonly id: string; readonly settings: Settings }) {
  const client = useClient();
  const feed = useMemo(() => createJobFeed(client, browserClock, id), [client, id]);
  const [{ data, error, fetching }, read] = useQuery({
    query: ExportJobPageDocument,
    variables: { id },
    requestPolicy: 'network-only',
  });
  const found = data?.exportJob ?? null;
  const job = useLiveJob<Job>(feed, found);
  const { staleSince } = useValue(feed.list);
  const changes = useValue(feed.changes);
  if (job === null) {
    return (
      <UnknownJob
        isLoading={fetching}
        failure={error === undefined ? null : failureOf(error)}
        onRetry={() => read({ requestPolicy: 'network-only' })}
        notFound={texts.job.notFound}
        listPath={pages.board}
      />
    );
  }
  return (
    <JobFrame
      job={job}
      feed={feed}
      staleSince={staleSince}
      list={{ path: pages.board, label: texts.nav.exportJobs }}
      actions={
        <>
          <ButtonLink href={historyPath('export-jobs', job.platformId)}>{texts.history.ofJob}</ButtonLink>
          {settings.graphiql && (
            <ButtonLink href={graphiqlLink(ExportJobPageDocument, { id })} target="_blank" rel="noreferrer">
              {texts.job.asGraphQL}
            </ButtonLink>
          )}
          <Actions job={job} onChanged={(changed) => feed.list.add([changed])} />
        </>
      }
    >
      <Summary job={job} profiles={job.metrics.totalExportedProfiles} totalTime={job.metrics.totalTime} />
      <div className="job-columns">
        <div className="job-column">
          <Errors job={job} errors={errorsOf(job)} />
          <Destination job={job} />
          <Namespaces
            profiles={job.metrics.exportedProfilesByNamespace}
            comparison={job.comparison}
            hint={texts.job.namespaces.hint}
          />
        </div>
        <div className="job-column">
          <TimelinePanel job={timedExport(job)} changes={changes} />
          <Comparison job={job} previousId={found?.previousRun?.platformId ?? null} pathOf={exportJobPath} />
          <RequestPanel job={job} />
          <Support job={job} />
        </div>
      </div>
    </JobFrame>
  );
}
