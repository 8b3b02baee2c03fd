import { type ReactNode, useCallback, useRef, useState } from 'react';
import { Form } from 'react-aria-components/Form';
import { useSearchParams } from 'react-router';
import { useClient, useMutation, useQuery } from 'urql';
import { failureOf } from '../app/failure.ts';
import { newIdempotencyKey } from '../app/idempotency-key.ts';
import { exportJobPath } from '../app/paths.ts';
import { useOpen } from '../app/sandbox.ts';
import {
  CreateChoicesDocument,
  CreateExportJobDocument,
  DatasetsByNameDocument,
  ExportJobDraftDocument,
  KnownFieldsDocument,
  SegmentsByNameDocument,
} from '../operations.generated.ts';
import { texts } from '../texts.ts';
import { Button } from '../ui/button.tsx';
import { Chosen } from '../ui/chosen.tsx';
import { ErrorText, type ErrorTextProps } from '../ui/error-text.tsx';
import { Notice, Skeleton } from '../ui/feedback.tsx';
import { Switch, TextField } from '../ui/fields.tsx';
import { Panel } from '../ui/panel.tsx';
import { SearchSelect } from '../ui/search-select.tsx';
import { Segmented } from '../ui/segmented.tsx';
import { type Option, Select } from '../ui/select.tsx';
import '../styles/create.css';
import {
  type Attempt,
  attemptOf,
  type Draft,
  draftOf,
  emptyDraft,
  fieldsOf,
  inputOf,
  type PlacedIssues,
  placeIssues,
} from './draft.ts';
import { knownFields } from './known-fields.ts';

const noIssues: PlacedIssues = { atFields: {}, others: [] };
/** No merge policy: the platform's default. A policy cannot have this id. */
const defaultPolicy = '';

/** The form of a new export. An earlier job, which the URL names, fills it. */
export function CreatePage() {
  const [params] = useSearchParams();
  const job = params.get('job') || null;
  // Another job fills another form.
  return job === null ? <CreateForm initial={emptyDraft} /> : <FilledForm key={job} job={job} />;
}

function FilledForm({ job }: { readonly job: string }) {
  const [{ data, fetching }] = useQuery({
    query: ExportJobDraftDocument,
    variables: { id: job },
    requestPolicy: 'network-only',
  });
  const words = texts.create.filled;
  // A later reading must not remove the entries of the person.
  if (fetching && data === undefined) return <Skeleton label={texts.create.loading} lines={8} />;
  const found = data?.exportJob ?? null;
  if (found === null) {
    return (
      <CreateForm initial={emptyDraft}>
        <Notice tone="warning" title={words.none(job)} />
      </CreateForm>
    );
  }
  return (
    <CreateForm initial={draftOf(found)}>
      <Notice tone="info" title={words.title(found.platformId)}>
        {words.text}
      </Notice>
    </CreateForm>
  );
}

interface CreateFormProps {
  readonly initial: Draft;
  readonly children?: ReactNode;
}

/** Starts an export. The gateway checks the entries, and each problem is shown at its field. */
function CreateForm({ initial, children }: CreateFormProps) {
  const open = useOpen();
  const client = useClient();
  const [draft, setDraft] = useState<Draft>(initial);
  const [issues, setIssues] = useState<PlacedIssues>(noIssues);
  const [problem, setProblem] = useState<ErrorTextProps['error'] | null>(null);
  const attempt = useRef<Attempt | null>(null);
  const [{ fetching }, create] = useMutation(CreateExportJobDocument);
  const [{ data: choices }] = useQuery({ query: CreateChoicesDocument });
  const [{ data: batches }] = useQuery({ query: KnownFieldsDocument });
  const words = texts.create;
  const change = (changed: Partial<Draft>) => setDraft((draft) => ({ ...draft, ...changed }));
  const { atFields } = issues;

  // A choice returns only the id, and its name is in a list that was searched.
  const found = useRef(new Map<string, Option<string>>());
  const remember = useCallback((nodes: readonly { readonly platformId: string; readonly name: string | null }[]) => {
    const options = nodes.map(({ platformId, name }) => ({ id: platformId, label: name ?? platformId }));
    for (const option of options) found.current.set(option.id, option);
    return options;
  }, []);
  const searchSegments = useCallback(
    async (text: string) => {
      const { data } = await client.query(SegmentsByNameDocument, { name: text === '' ? null : text }).toPromise();
      return remember(data?.segmentDefinitions?.nodes ?? []);
    },
    [client, remember],
  );
  const searchDatasets = useCallback(
    async (text: string) => {
      const { data } = await client.query(DatasetsByNameDocument, { name: text === '' ? null : text }).toPromise();
      return remember((data?.datasets?.nodes ?? []).filter(({ isUnionProfileDataset }) => isUnionProfileDataset));
    },
    [client, remember],
  );
  const choiceOf = (id: string): Option<string> => found.current.get(id) ?? { id, label: id };
  const chosenFields = fieldsOf(draft.fields);
  const offered = knownFields(batches).filter((field) => !chosenFields.includes(field));

  const submit = async () => {
    setIssues(noIssues);
    setProblem(null);
    attempt.current = attemptOf(draft, attempt.current, newIdempotencyKey);
    const { data, error } = await create({ input: inputOf(draft, attempt.current.key) });
    const result = data?.createExportJob ?? null;
    if (result === null) {
      setProblem(error === undefined ? null : failureOf(error));
    } else if (result.__typename === 'CreateExportJobPayload') {
      open(exportJobPath(result.exportJob.platformId));
    } else if (result.__typename === 'InvalidInputError') {
      const placed = placeIssues(result.issues, draft);
      setIssues(placed);
      if (placed.others.length > 0) setProblem({ ...result, issues: placed.others });
    } else setProblem(result);
  };

  return (
    <>
      <div className="page-head">
        <h1>{words.title}</h1>
      </div>
      <Form
        className="create"
        // The gateway checks the form. The browser would not send a field again that the gateway has rejected.
        validationBehavior="aria"
        onSubmit={(event) => {
          event.preventDefault();
          // The value of an incomplete time is that of no time, so that all profiles would be exported.
          if (event.currentTarget.reportValidity()) void submit();
        }}
      >
        {children}
        <Panel title={words.target.title} hint={words.target.hint}>
          <div>
            <Segmented
              label={words.target.title}
              options={[
                { id: 'new', label: words.target.new },
                { id: 'existing', label: words.target.existing },
              ]}
              value={draft.target}
              onChange={(target) => change({ target })}
            />
          </div>
          {draft.target === 'new' ? (
            <TextField
              label={words.target.name}
              isRequired
              autoComplete="off"
              value={draft.newDataset}
              onChange={(newDataset) => change({ newDataset })}
              error={atFields.newDataset}
            />
          ) : (
            <SearchSelect
              label={words.target.dataset}
              isLabelHidden={false}
              noneLabel={words.target.choose}
              value={draft.dataset}
              search={searchDatasets}
              onChange={(id) => {
                change({ dataset: id === null ? null : choiceOf(id) });
              }}
            />
          )}
          <Issue text={draft.target === 'existing' ? atFields.dataset : undefined} />
        </Panel>
        <Panel title={words.profiles.title} hint={words.profiles.hint}>
          <SearchSelect
            label={words.profiles.segments}
            isLabelHidden={false}
            noneLabel={draft.segments.length === 0 ? words.profiles.all : words.profiles.add}
            value={null}
            search={searchSegments}
            onChange={(id) => {
              if (id === null || draft.segments.some((each) => each.id === id)) return;
              change({ segments: [...draft.segments, choiceOf(id)] });
            }}
          />
          <Chosen
            label={words.profiles.segments}
            items={draft.segments}
            onRemove={(ids) => change({ segments: draft.segments.filter(({ id }) => !ids.has(id)) })}
          />
          <Issue text={atFields.segments} />
          {draft.segments.length > 0 && (
            <>
              <div className="pair">
                <TextField
                  label={words.profiles.qualifiedFrom}
                  type="datetime-local"
                  value={draft.qualifiedFrom}
                  onChange={(qualifiedFrom) => change({ qualifiedFrom })}
                  error={atFields.qualifiedFrom}
                />
                <TextField
                  label={words.profiles.qualifiedTo}
                  type="datetime-local"
                  value={draft.qualifiedTo}
                  onChange={(qualifiedTo) => change({ qualifiedTo })}
                  error={atFields.qualifiedTo}
                />
              </div>
              <Switch
                label={words.profiles.evaluate}
                hint={words.profiles.evaluateHint}
                isSelected={draft.evaluateSegments}
                onChange={(evaluateSegments) => change({ evaluateSegments })}
              />
              <Switch
                label={words.profiles.batchPerSegment}
                hint={words.profiles.batchPerSegmentHint}
                isSelected={draft.batchPerSegment}
                onChange={(batchPerSegment) => change({ batchPerSegment })}
              />
              <Issue text={atFields.batchPerSegment} />
            </>
          )}
          <TextField
            label={words.profiles.changedAfter}
            hint={words.localTime}
            type="datetime-local"
            value={draft.changedAfter}
            onChange={(changedAfter) => change({ changedAfter })}
            error={atFields.changedAfter}
          />
          <Select
            label={words.profiles.mergePolicy}
            options={[
              { id: defaultPolicy, label: words.profiles.defaultPolicy },
              ...(choices?.mergePolicies?.nodes ?? []).map(({ platformId, name, isDefault }) => ({
                id: platformId,
                label: name ?? platformId,
                hint: isDefault ? words.profiles.isDefault : undefined,
              })),
            ]}
            value={draft.mergePolicy ?? defaultPolicy}
            onChange={(id) => change({ mergePolicy: id === defaultPolicy ? null : id })}
          />
          <Issue text={atFields.mergePolicy} />
        </Panel>
        <Panel title={words.fields.title} hint={words.fields.hint}>
          <TextField
            label={words.fields.paths}
            hint={words.fields.pathsHint}
            autoComplete="off"
            placeholder={words.fields.all}
            value={draft.fields}
            onChange={(fields) => change({ fields })}
            error={atFields.fields}
          />
          {offered.length > 0 && (
            <fieldset className="offered" aria-label={words.fields.offered}>
              {offered.map((field) => (
                <Button
                  key={field}
                  aria-label={words.fields.add(field)}
                  onPress={() => change({ fields: [...chosenFields, field].join(', ') })}
                >
                  + {field}
                </Button>
              ))}
            </fieldset>
          )}
        </Panel>
        <Panel title={words.events.title} hint={words.events.hint}>
          <Switch
            label={words.events.include}
            isSelected={draft.withEvents}
            onChange={(withEvents) => change({ withEvents })}
          />
          {draft.withEvents && (
            <>
              <TextField
                label={words.events.fields}
                hint={words.fields.pathsHint}
                placeholder={words.fields.all}
                autoComplete="off"
                value={draft.eventFields}
                onChange={(eventFields) => change({ eventFields })}
                error={atFields.eventFields}
              />
              <div className="pair">
                <TextField
                  label={words.events.from}
                  type="datetime-local"
                  value={draft.eventsFrom}
                  onChange={(eventsFrom) => change({ eventsFrom })}
                  error={atFields.eventsFrom}
                />
                <TextField
                  label={words.events.to}
                  type="datetime-local"
                  value={draft.eventsTo}
                  onChange={(eventsTo) => change({ eventsTo })}
                  error={atFields.eventsTo}
                />
              </div>
            </>
          )}
        </Panel>
        {problem !== null && <ErrorText error={problem} />}
        {Object.keys(atFields).length > 0 && (
          <p className="field-error" role="alert">
            {words.rejected}
          </p>
        )}
        <div>
          <Button type="submit" look="primary" isPending={fetching}>
            {words.submit}
          </Button>
        </div>
      </Form>
    </>
  );
}

/** An issue at a field that has no place for it. */
const Issue = ({ text }: { readonly text: string | undefined }) =>
  text === undefined ? null : <p className="field-error">{text}</p>;
