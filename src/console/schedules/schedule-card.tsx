import { useState } from 'react';
import { Form } from 'react-aria-components/Form';
import { Link } from 'react-aria-components/Link';
import { useMutation } from 'urql';
import { failureOf } from '../app/failure.ts';
import { messageOf } from '../app/issue-words.ts';
import { scheduleHistoryPath } from '../app/paths.ts';
import { type ScheduleState, UpdateScheduleDocument, type UpdateScheduleInput } from '../operations.generated.ts';
import { texts } from '../texts.ts';
import { Button } from '../ui/button.tsx';
import { ErrorText, type ErrorTextProps } from '../ui/error-text.tsx';
import { Switch, TextField } from '../ui/fields.tsx';
import { Fact, Facts, Panel } from '../ui/panel.tsx';
import { explainCron } from './explain-cron.ts';
import { formatLocal, formatUtc } from './run-times.ts';
import type { ScheduleRow } from './schedule-feed.ts';

export interface ScheduleCardProps {
  readonly schedule: ScheduleRow;
  readonly canWrite: boolean;
  readonly onChanged: (schedule: ScheduleRow) => void;
}

/** A schedule with its next runs, its state and its time. */
export function ScheduleCard({ schedule, canWrite, onChanged }: ScheduleCardProps) {
  const [isEditing, setEditing] = useState(false);
  const [isSaved, setSaved] = useState(false);
  const [problem, setProblem] = useState<ErrorTextProps['error'] | null>(null);
  const [issue, setIssue] = useState<string | undefined>(undefined);
  const [{ fetching }, update] = useMutation(UpdateScheduleDocument);
  const words = texts.schedules;
  const { id, platformId, name, state, segmentIds, nextRuns } = schedule;

  const save = async (input: UpdateScheduleInput) => {
    setProblem(null);
    setIssue(undefined);
    const { data, error } = await update({ id, input });
    const result = data?.updateSchedule ?? null;
    if (result === null) setProblem(error === undefined ? null : failureOf(error));
    else if (result.__typename === 'UpdateSchedulePayload') {
      setEditing(false);
      setSaved(true);
      // An event of the live view is newer than this response.
      onChanged({ ...result.schedule, observedAt: schedule.observedAt });
    } else {
      const atField = result.__typename === 'InvalidInputError' ? result.issues : [];
      if (isEditing && atField.length > 0) setIssue(atField.map(messageOf).join('; '));
      else setProblem(result);
    }
  };

  return (
    <Panel
      title={name ?? words.unnamed(platformId)}
      hint={schedule.type === 'UNKNOWN' ? words.otherType(schedule.rawType) : words.types[schedule.type]}
    >
      <Facts>
        <Fact name={words.state}>
          <Switch
            label={words.states[state]}
            isSelected={state === 'ACTIVE'}
            isDisabled={!canWrite || fetching}
            onChange={(isActive) => void save({ state: stateOf(isActive) })}
          />
        </Fact>
        <Fact name={words.time}>
          {isEditing ? (
            <EditTime
              present={schedule.schedule}
              issue={issue}
              isPending={fetching}
              onSave={(time) => void save({ schedule: time })}
              onDismiss={() => setEditing(false)}
            />
          ) : (
            <span className="schedule-time">
              <span>{explanationOf(schedule.schedule)}</span>
              <code className="muted">{schedule.schedule}</code>
              {canWrite && <Button onPress={() => setEditing(true)}>{words.change}</Button>}
            </span>
          )}
        </Fact>
        {segmentIds.length > 0 && (
          <Fact name={words.segments}>
            {segmentIds.includes('*') ? words.allSegments : words.segmentCount(segmentIds.length)}
          </Fact>
        )}
        <Fact name={words.nextRuns}>
          {nextRuns.length === 0 ? (
            <span className="muted">{words.noRuns}</span>
          ) : (
            <ol className="runs">
              {nextRuns.map((at) => (
                <li key={at}>
                  <time dateTime={at}>{formatLocal(at)}</time>
                  <span className="muted">{formatUtc(at)}</span>
                </li>
              ))}
            </ol>
          )}
        </Fact>
      </Facts>
      {schedule.type === 'BATCH_SEGMENTATION' && (
        <div>
          <Link href={scheduleHistoryPath(platformId)}>{texts.history.ofSchedule}</Link>
        </div>
      )}
      {isSaved && (
        <p className="muted" role="status">
          {words.applied}
        </p>
      )}
      {problem !== null && <ErrorText error={problem} />}
    </Panel>
  );
}

function explanationOf(expression: string): string {
  const text = explainCron(expression);
  return text === null ? texts.schedules.unexplained : texts.schedules.inUtc(text);
}

const stateOf = (isActive: boolean): ScheduleState => (isActive ? 'ACTIVE' : 'INACTIVE');

interface EditTimeProps {
  readonly present: string;
  readonly issue: string | undefined;
  readonly isPending: boolean;
  readonly onSave: (expression: string) => void;
  readonly onDismiss: () => void;
}

/** The expression with its meaning, which changes while a person types. */
function EditTime({ present, issue, isPending, onSave, onDismiss }: EditTimeProps) {
  const [expression, setExpression] = useState(present);
  const words = texts.schedules;
  return (
    <Form
      className="form"
      // The gateway checks the expression. The browser would not send it again after a rejection.
      validationBehavior="aria"
      onSubmit={(event) => {
        event.preventDefault();
        onSave(expression.trim());
      }}
    >
      <TextField
        label={words.expression}
        hint={`${explanationOf(expression)}. ${words.expressionHint}`}
        autoFocus
        autoComplete="off"
        value={expression}
        onChange={setExpression}
        error={issue}
      />
      <span className="form-actions">
        <Button type="submit" look="primary" isPending={isPending}>
          {words.save}
        </Button>
        <Button onPress={onDismiss}>{texts.dismiss}</Button>
      </span>
    </Form>
  );
}
