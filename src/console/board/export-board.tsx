import { useMemo } from 'react';
import { useClient } from 'urql';
import { useGateway } from '../app/gateway.tsx';
import { exportJobPath, pages } from '../app/paths.ts';
import { texts } from '../texts.ts';
import { ButtonLink } from '../ui/button.tsx';
import { EmptyState } from '../ui/feedback.tsx';
import { DatasetFilter, SegmentFilter } from './choice-filters.tsx';
import { readExportJobs } from './export-jobs.ts';
import { JobBoard, useBoardFilters } from './job-board.tsx';

/** The live table of export jobs. */
export function ExportBoard() {
  const client = useClient();
  const { exportJobs } = useGateway();
  const [filters, change] = useBoardFilters();
  const read = useMemo(() => readExportJobs(client, filters), [client, filters]);
  return (
    <JobBoard
      feed={exportJobs}
      read={read}
      title={texts.nav.exportJobs}
      tableLabel={texts.board.exportTable}
      targetLabel={texts.board.columns.dataset}
      pathOf={(job) => exportJobPath(job.platformId)}
      action={
        <ButtonLink look="primary" href={pages.newExport}>
          {texts.nav.newExport}
        </ButtonLink>
      }
      moreFilters={
        <>
          <DatasetFilter value={filters.dataset} onChange={(dataset) => change({ dataset })} />
          <SegmentFilter value={filters.segment} onChange={(segment) => change({ segment })} />
        </>
      }
      empty={
        <EmptyState title={texts.board.empty.title} text={texts.board.empty.text}>
          <ButtonLink look="primary" href={pages.newExport}>
            {texts.nav.newExport}
          </ButtonLink>
        </EmptyState>
      }
    />
  );
}
