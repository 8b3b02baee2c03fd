import { texts } from '../texts.ts';
import { CopyValue } from '../ui/copy-value.tsx';
import { Fact, Facts, Panel } from '../ui/panel.tsx';
import type { Job } from './job-feed.ts';

/** Ids of an export job or segment job that Adobe's support needs. */
export function Support({ job }: { readonly job: Pick<Job, 'requestId' | 'platformId' | 'rawStatus'> }) {
  const words = texts.job.support;
  return (
    <Panel title={words.title} hint={words.hint}>
      <Facts>
        {job.requestId !== null && (
          <Fact name={words.requestId}>
            <CopyValue name={words.requestId} value={job.requestId} />
          </Fact>
        )}
        <Fact name={words.jobId}>
          <CopyValue name={words.jobId} value={job.platformId} />
        </Fact>
        <Fact name={words.rawStatus}>{job.rawStatus}</Fact>
      </Facts>
    </Panel>
  );
}
