import { Disclosure, DisclosurePanel } from 'react-aria-components/Disclosure';
import { formatCount } from '../app/format.ts';
import { texts } from '../texts.ts';
import { Button } from '../ui/button.tsx';
import { CopyValue } from '../ui/copy-value.tsx';
import { Panel } from '../ui/panel.tsx';
import { reasonOf } from './error-reasons.ts';
import type { Job } from './job-feed.ts';

export interface ShownError {
  readonly code: string;
  readonly message: string;
  readonly recordCount: number | null;
  readonly callStack?: string | null;
  readonly batchId?: string;
}

/** Errors of an export job and of its batches. */
export const errorsOf = (job: Job): readonly ShownError[] => [
  ...job.errors,
  ...job.destination.batches.flatMap(({ batchId, batch }) =>
    (batch?.errors ?? []).map((error): ShownError => ({ ...error, batchId })),
  ),
];

export interface ErrorsProps {
  readonly job: Pick<Job, 'status' | 'requestId'>;
  readonly errors: readonly ShownError[];
}

/** Explains the errors of a job. Empty without errors. */
export function Errors({ job, errors }: ErrorsProps) {
  if (errors.length === 0) return null;
  return (
    <Panel
      title={texts.job.errors.title}
      tone="bad"
      hint={job.status === 'SUCCEEDED' ? texts.job.errors.succeeded : undefined}
    >
      <ul className="errors">
        {errors.map((error) => (
          <li key={`${error.batchId} ${error.code} ${error.message}`}>
            <ErrorEntry error={error} />
          </li>
        ))}
      </ul>
      {job.requestId !== null && (
        <p className="error-request">
          {texts.job.support.requestId} <CopyValue name={texts.job.support.requestId} value={job.requestId} />
        </p>
      )}
    </Panel>
  );
}

const ErrorEntry = ({
  error: { code, message, recordCount, callStack = null, batchId },
}: {
  readonly error: ShownError;
}) => (
  <>
    <p className="error-reason">{reasonOf({ message })}</p>
    <p className="muted">
      {message}
      {code !== '' && ` · ${texts.job.errors.code(code)}`}
      {recordCount !== null && ` · ${texts.job.errors.rows(formatCount(recordCount))}`}
      {batchId !== undefined && ` · ${texts.job.errors.inBatch(batchId)}`}
    </p>
    {callStack !== null && (
      <Disclosure>
        <Button slot="trigger" look="quiet">
          {texts.job.errors.stack}
        </Button>
        <DisclosurePanel>
          <pre className="stack">{callStack}</pre>
        </DisclosurePanel>
      </Disclosure>
    )}
  </>
);
