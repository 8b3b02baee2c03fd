import { useMemo } from 'react';
import { useClient } from 'urql';
import { useGateway } from '../app/gateway.tsx';
import { segmentJobPath } from '../app/paths.ts';
import { texts } from '../texts.ts';
import { EmptyState } from '../ui/feedback.tsx';
import { SegmentFilter } from './choice-filters.tsx';
import { JobBoard, useBoardFilters } from './job-board.tsx';
import { readSegmentJobs } from './segment-jobs.ts';

/** The live table of segment jobs. */
export function SegmentBoard() {
  const client = useClient();
  const { segmentJobs } = useGateway();
  const [filters, change] = useBoardFilters();
  const read = useMemo(() => readSegmentJobs(client, filters), [client, filters]);
  return (
    <JobBoard
      feed={segmentJobs}
      read={read}
      title={texts.nav.segmentJobs}
      tableLabel={texts.board.segmentTable}
      targetLabel={texts.board.columns.schedule}
      pathOf={(job) => segmentJobPath(job.platformId)}
      moreFilters={<SegmentFilter value={filters.segment} onChange={(segment) => change({ segment })} />}
      empty={<EmptyState title={texts.board.noSegmentJobs.title} text={texts.board.noSegmentJobs.text} />}
    />
  );
}
