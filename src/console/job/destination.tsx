import { formatCount } from '../app/format.ts';
import { texts } from '../texts.ts';
import { Panel } from '../ui/panel.tsx';
import { BatchFiles } from './batch-files.tsx';
import type { Job, JobBatch } from './job-feed.ts';
import { isReadable } from './timeline.ts';

/** The dataset, and the batches with their files. */
export function Destination({ job: { destination } }: { readonly job: Job }) {
  const { dataset, datasetId, batches } = destination;
  const words = texts.job.destination;
  return (
    <Panel title={words.title}>
      <div className="dataset">
        <strong>{dataset?.name ?? texts.job.destination.unnamed(datasetId)}</strong>
        <code className="muted">{datasetId}</code>
        {dataset !== null && dataset.createdBy !== null && (
          <span className="muted">{words.createdBy(dataset.createdBy)}</span>
        )}
        {dataset === null && <span className="muted">{words.deleted}</span>}
      </div>
      {batches.length === 0 && <p className="muted">{words.none}</p>}
      {batches.map((batch) => (
        <Batch key={batch.batchId} entry={batch} />
      ))}
    </Panel>
  );
}

function Batch({ entry: { batchId, batch, segment } }: { readonly entry: JobBatch }) {
  const words = texts.job.destination;
  return (
    <div className="batch">
      <div className="batch-head">
        <h3 title={batchId}>
          {segment === null ? words.batch(batchId.slice(0, 8)) : (segment.definition?.name ?? segment.segmentId)}
        </h3>
        {batch !== null && (
          <span className={`pill pill-${toneOf(batch)}`}>
            <span className="pill-dot" aria-hidden="true" />
            {texts.job.batchStatus[batch.status]}
          </span>
        )}
        <span className="muted batch-counts">{batch !== null && countsText(batch)}</span>
      </div>
      {batch === null ? (
        <p className="muted">{words.unread}</p>
      ) : isReadable(batch.status) ? (
        <BatchFiles batchId={batchId} />
      ) : (
        !batch.isTerminal && <p className="muted">{words.waiting}</p>
      )}
    </div>
  );
}

type KnownBatch = NonNullable<JobBatch['batch']>;

function toneOf({ status, isTerminal }: KnownBatch): string {
  if (isReadable(status)) return 'good';
  if (status === 'FAILED') return 'bad';
  if (status === 'STALLED') return 'late';
  return isTerminal ? 'neutral' : 'running';
}

function countsText({ recordCount, failedRecordCount }: KnownBatch): string {
  const { records, failedRecords } = texts.job.destination;
  return [
    ...(recordCount === null ? [] : [records(formatCount(recordCount))]),
    ...(failedRecordCount === null || failedRecordCount === 0 ? [] : [failedRecords(formatCount(failedRecordCount))]),
  ].join(' · ');
}
