import type { ReactNode } from 'react';
import {
  Cell,
  Collection,
  Column,
  Row,
  Table,
  TableBody,
  TableHeader,
  TableLayout,
  TableLoadMoreItem,
  Virtualizer,
} from 'react-aria-components';
import { useMedia } from '../app/use-media.ts';
import { texts } from '../texts.ts';
import type { Job } from './job.ts';
import {
  DurationCell,
  JobCell,
  ProfilesCell,
  ProgressCell,
  SegmentsCell,
  StatusCell,
  SummaryCell,
  TargetCell,
} from './job-cells.tsx';

interface JobColumn {
  readonly id: string;
  readonly label: string;
  /** In pixels. By default the rest is shared. */
  readonly width?: number;
  readonly minWidth?: number;
  readonly isNumber?: boolean;
  readonly Content: (props: { readonly job: Job }) => ReactNode;
}

const { columns: labels } = texts.board;

const wideColumns = (target: string): readonly JobColumn[] => [
  { id: 'job', label: labels.job, width: 160, Content: JobCell },
  { id: 'status', label: labels.status, width: 208, Content: StatusCell },
  { id: 'progress', label: labels.progress, minWidth: 190, Content: ProgressCell },
  { id: 'target', label: target, minWidth: 130, Content: TargetCell },
  { id: 'segments', label: labels.segments, minWidth: 130, Content: SegmentsCell },
  { id: 'profiles', label: labels.profiles, width: 104, isNumber: true, Content: ProfilesCell },
  { id: 'duration', label: labels.duration, width: 156, isNumber: true, Content: DurationCell },
];
const narrowColumns: readonly JobColumn[] = [{ id: 'job', label: labels.job, Content: SummaryCell }];

/** Heights in pixels. Rows of one height can be placed without measuring them. */
const wideLayout = { rowHeight: 60, headingHeight: 40, loaderHeight: 44 };
const narrowLayout = { rowHeight: 116, headingHeight: 1, loaderHeight: 44 };

export interface JobTableProps {
  readonly label: string;
  readonly jobs: readonly Job[];
  /** Head of the column of `Job.target`. */
  readonly targetLabel: string;
  readonly pathOf: (job: Job) => string;
  /** Called when the end of the table becomes visible; null: there are no more jobs. */
  readonly onEnd: (() => void) | null;
  readonly isLoading: boolean;
}

/** Only the visible rows exist in the page. Screen readers receive the number of all rows. */
export function JobTable({ label, jobs, targetLabel, pathOf, onEnd, isLoading }: JobTableProps) {
  const isWide = useMedia('(min-width: 60rem)');
  const columns = isWide ? wideColumns(targetLabel) : narrowColumns;
  return (
    <Virtualizer
      key={isWide ? 'wide' : 'narrow'}
      layout={TableLayout}
      layoutOptions={isWide ? wideLayout : narrowLayout}
    >
      <Table aria-label={label} className={isWide ? 'table' : 'table table-narrow'}>
        <TableHeader columns={columns}>
          {({ id, label: text, width, minWidth, isNumber = false }) => (
            <Column
              id={id}
              isRowHeader={id === 'job'}
              className={isNumber ? 'column cell-number' : 'column'}
              {...(width === undefined ? {} : { width })}
              {...(minWidth === undefined ? {} : { minWidth })}
            >
              {text}
            </Column>
          )}
        </TableHeader>
        <TableBody>
          <Collection items={jobs} dependencies={[isWide]}>
            {(job) => (
              <Row id={job.id} columns={columns} href={pathOf(job)} className="row">
                {({ id, Content }) => (
                  <Cell key={id} className="cell">
                    <Content job={job} />
                  </Cell>
                )}
              </Row>
            )}
          </Collection>
          {onEnd !== null && (
            <TableLoadMoreItem onLoadMore={onEnd} isLoading={isLoading} className="load-more">
              {texts.board.loadingMore}
            </TableLoadMoreItem>
          )}
        </TableBody>
      </Table>
    </Virtualizer>
  );
}
