import { useState } from 'react';
import { useMutation, useQuery } from 'urql';
import { failsAgain, failureOf } from '../app/failure.ts';
import { newIdempotencyKey } from '../app/idempotency-key.ts';
import { isOmission, partsOf } from '../app/issue-words.ts';
import { exportJobPath, newExportPath } from '../app/paths.ts';
import { useOpen } from '../app/sandbox.ts';
import { CancelExportJobDocument, RerunExportJobDocument, ViewerDocument } from '../operations.generated.ts';
import { texts } from '../texts.ts';
import { Button, ButtonLink } from '../ui/button.tsx';
import { Confirmation } from '../ui/dialog.tsx';
import { ErrorText, type ErrorTextProps } from '../ui/error-text.tsx';
import type { Job } from './job-feed.ts';

export interface ActionsProps {
  readonly job: Job;
  readonly onChanged: (job: Job) => void;
}

type Problem = ErrorTextProps['error'] | null;

/** Buttons for the changes of a job. Empty without the permission to change. */
export function Actions({ job, onChanged }: ActionsProps) {
  const [{ data }] = useQuery({ query: ViewerDocument });
  if (data?.viewer.canWrite !== true) return null;
  return (
    <>
      <Rerun job={job} />
      {!job.isTerminal && <Cancel job={job} onChanged={onChanged} />}
    </>
  );
}

function Cancel({ job, onChanged }: ActionsProps) {
  const [isOpen, setOpen] = useState(false);
  const [problem, setProblem] = useState<Problem>(null);
  const [{ fetching }, cancel] = useMutation(CancelExportJobDocument);
  const words = texts.job.cancel;
  const confirm = async () => {
    setProblem(null);
    const { data, error } = await cancel({ id: job.id });
    const result = data?.cancelExportJob ?? null;
    if (result === null) setProblem(error === undefined ? null : failureOf(error));
    else if (result.__typename === 'CancelExportJobPayload') {
      setOpen(false);
      onChanged(result.exportJob);
    } else setProblem(result);
  };
  return (
    <>
      <Button look="danger" isDisabled={job.status === 'CANCELLING'} onPress={() => setOpen(true)}>
        {job.status === 'CANCELLING' ? words.pending : words.action}
      </Button>
      <Confirmation
        isOpen={isOpen}
        onOpenChange={setOpen}
        title={words.title(job.platformId)}
        action={words.action}
        look="danger"
        isPending={fetching}
        onConfirm={() => void confirm()}
        failure={problem !== null && <ErrorText error={problem} />}
        {...(problem !== null && failsAgain(problem) ? { instead: null } : {})}
      >
        {words.text}
      </Confirmation>
    </>
  );
}

function Rerun({ job }: { readonly job: Job }) {
  const open = useOpen();
  const [isOpen, setOpen] = useState(false);
  const [problem, setProblem] = useState<Problem>(null);
  // One key for one intended run: a repetition after a lost response creates nothing twice.
  const [key, setKey] = useState(newIdempotencyKey);
  const [{ fetching }, rerun] = useMutation(RerunExportJobDocument);
  const words = texts.job.rerun;
  const { dataset, datasetId } = job.destination;
  const confirm = async () => {
    setProblem(null);
    const { data, error } = await rerun({ id: job.id, key });
    const result = data?.rerunExportJob ?? null;
    if (result === null) setProblem(error === undefined ? null : failureOf(error));
    else if (result.__typename === 'CreateExportJobPayload') {
      setOpen(false);
      setKey(newIdempotencyKey());
      open(exportJobPath(result.exportJob.platformId));
    } else setProblem(result);
  };
  const isFinal = problem !== null && failsAgain(problem);
  // A form can correct what is invalid or missing. It does not give a permission.
  const canBegin = isFinal && problem.code !== 'FORBIDDEN';
  return (
    <>
      <Button onPress={() => setOpen(true)}>{words.action}</Button>
      <Confirmation
        isOpen={isOpen}
        onOpenChange={setOpen}
        title={isFinal ? words.impossible(job.platformId) : words.title(job.platformId)}
        action={words.action}
        look="primary"
        isPending={fetching}
        onConfirm={() => void confirm()}
        failure={problem !== null && !isFinal && <ErrorText error={problem} />}
        {...(isFinal ? { instead: canBegin ? <Begin job={job} /> : null } : {})}
      >
        {isFinal ? (
          <>
            <RerunProblem problem={problem} />
            {canBegin && <p>{words.begin}</p>}
          </>
        ) : (
          words.text(dataset?.name ?? texts.job.destination.unnamed(datasetId))
        )}
      </Confirmation>
    </>
  );
}

const Begin = ({ job }: { readonly job: Job }) => (
  // The button that had the focus is gone.
  <ButtonLink look="primary" href={newExportPath(job.platformId)} autoFocus>
    {texts.job.rerun.beginAction}
  </ButtonLink>
);

/** Why a job was not run again. Parts that are unknown are no fault of the person, and have no message of their own. */
function RerunProblem({ problem }: { readonly problem: NonNullable<Problem> }) {
  const { issues = [] } = problem;
  if (issues.length === 0 || !issues.every(isOmission)) return <ErrorText error={problem} />;
  return (
    <div className="dialog-reason" role="alert">
      <p>{texts.job.rerun.unknown}</p>
      <ul>
        {partsOf(issues).map((part) => (
          <li key={part}>{part}</li>
        ))}
      </ul>
    </div>
  );
}
