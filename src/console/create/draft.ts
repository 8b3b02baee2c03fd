import { type Issue, messageOf } from '../app/issue-words.ts';
import { fromLocal, toLocal } from '../app/local-time.ts';
import type { CreateExportJobInput, ExportJobDraftQuery } from '../operations.generated.ts';
import { texts } from '../texts.ts';

/** A chosen segment or dataset: its platform id and its name. */
interface Choice {
  readonly id: string;
  readonly label: string;
}

/** Entries of the form. Times are local, as the fields of the browser return them; an empty text is no time. */
export interface Draft {
  readonly segments: readonly Choice[];
  /** Separated by commas, spaces or lines. */
  readonly fields: string;
  readonly target: 'existing' | 'new';
  readonly dataset: Choice | null;
  readonly newDataset: string;
  readonly mergePolicy: string | null;
  readonly changedAfter: string;
  readonly qualifiedFrom: string;
  readonly qualifiedTo: string;
  readonly withEvents: boolean;
  readonly eventFields: string;
  readonly eventsFrom: string;
  readonly eventsTo: string;
  readonly batchPerSegment: boolean;
  readonly evaluateSegments: boolean;
}

export const emptyDraft: Draft = {
  segments: [],
  fields: '',
  target: 'new',
  dataset: null,
  newDataset: '',
  mergePolicy: null,
  changedAfter: '',
  qualifiedFrom: '',
  qualifiedTo: '',
  withEvents: false,
  eventFields: '',
  eventsFrom: '',
  eventsTo: '',
  batchPerSegment: false,
  evaluateSegments: false,
};

/** Fills the form with the known parts of a job's request. A dataset that no longer exists is not chosen. */
export function draftOf({
  fields,
  eventList,
  filter,
  mergePolicy,
  destination,
}: NonNullable<ExportJobDraftQuery['exportJob']>): Draft {
  const qualified = filter?.segmentQualificationTime ?? null;
  const { dataset, datasetId } = destination;
  return {
    ...emptyDraft,
    segments: (filter?.segments ?? []).map(({ segmentId, definition }) => ({
      id: segmentId,
      label: definition?.name ?? segmentId,
    })),
    fields: fields?.join(', ') ?? '',
    ...(dataset === null ? {} : { target: 'existing', dataset: { id: datasetId, label: dataset.name ?? datasetId } }),
    mergePolicy: mergePolicy?.platformId ?? null,
    changedAfter: toLocal(filter?.fromIngestTimestamp ?? null),
    qualifiedFrom: toLocal(qualified?.startTime ?? null),
    qualifiedTo: toLocal(qualified?.endTime ?? null),
    withEvents: eventList !== null,
    eventFields: eventList?.fields?.join(', ') ?? '',
    eventsFrom: toLocal(eventList?.fromIngestTimestamp ?? null),
    eventsTo: toLocal(eventList?.toIngestTimestamp ?? null),
    batchPerSegment: destination.segmentPerBatch === true,
  };
}

/** Paths of fields in a text. */
export const fieldsOf = (text: string): string[] => text.split(/[\s,]+/).filter((path) => path !== '');

/** The request of a draft. @param idempotencyKey the same for all attempts of one form */
export function inputOf(draft: Draft, idempotencyKey: string): CreateExportJobInput {
  const fields = fieldsOf(draft.fields);
  const changedAfter = fromLocal(draft.changedAfter);
  const qualification = { startTime: fromLocal(draft.qualifiedFrom), endTime: fromLocal(draft.qualifiedTo) };
  const hasQualification = qualification.startTime !== null || qualification.endTime !== null;
  const filter = {
    ...(draft.segments.length === 0 ? {} : { segments: draft.segments.map(({ id }) => ({ segmentId: id })) }),
    ...(changedAfter === null ? {} : { fromIngestTimestamp: changedAfter }),
    ...(hasQualification ? { segmentQualificationTime: qualification } : {}),
  };
  const eventFields = fieldsOf(draft.eventFields);
  const eventList = {
    ...(eventFields.length === 0 ? {} : { fields: eventFields }),
    fromIngestTimestamp: fromLocal(draft.eventsFrom),
    toIngestTimestamp: fromLocal(draft.eventsTo),
  };
  return {
    destination: {
      segmentPerBatch: draft.batchPerSegment,
      target:
        draft.target === 'new' ? { newDataset: { name: draft.newDataset } } : { datasetId: draft.dataset?.id ?? '' },
    },
    evaluateSegments: draft.evaluateSegments,
    idempotencyKey,
    ...(fields.length === 0 ? {} : { fields }),
    ...(Object.keys(filter).length === 0 ? {} : { filter }),
    ...(draft.withEvents ? { eventList } : {}),
    ...(draft.mergePolicy === null ? {} : { mergePolicy: { id: draft.mergePolicy } }),
  };
}

/** The last request of a form. */
export interface Attempt {
  readonly key: string;
  readonly draft: Draft;
}

/**
 * The same draft keeps its key when it is sent again, so that a lost response never starts two exports. A changed draft is
 * another request.
 */
export const attemptOf = (draft: Draft, last: Attempt | null, newKey: () => string): Attempt =>
  last !== null && JSON.stringify(last.draft) === JSON.stringify(draft) ? last : { key: newKey(), draft };

/** Fields of the form to which issues of the gateway belong. */
const placesByPath = [
  ['input.filter.segments', 'segments'],
  ['input.fields', 'fields'],
  ['input.destination.target.newDataset', 'newDataset'],
  ['input.destination.target', 'dataset'],
  ['input.destination.segmentPerBatch', 'batchPerSegment'],
  ['input.mergePolicy', 'mergePolicy'],
  ['input.filter.fromIngestTimestamp', 'changedAfter'],
  ['input.filter.segmentQualificationTime.startTime', 'qualifiedFrom'],
  ['input.filter.segmentQualificationTime', 'qualifiedTo'],
  ['input.eventList.fromIngestTimestamp', 'eventsFrom'],
  ['input.eventList.toIngestTimestamp', 'eventsTo'],
  ['input.eventList', 'eventFields'],
] as const satisfies readonly (readonly [string, keyof Draft])[];

export type Place = (typeof placesByPath)[number][1];

export interface PlacedIssues {
  /** Text at each field with an issue. */
  readonly atFields: Readonly<Partial<Record<Place, string>>>;
  /** Issues without a field, for example of the idempotency key. */
  readonly others: readonly Issue[];
}

/** Sorts the issues of the gateway to the fields of the form. An issue of a list entry begins with that entry. */
export function placeIssues(issues: readonly Issue[], draft: Draft): PlacedIssues {
  const atFields: Partial<Record<Place, string>> = {};
  const others: Issue[] = [];
  for (const issue of issues) {
    const found = placesByPath.find(([path]) => issue.path === path || issue.path.startsWith(`${path}.`));
    if (found === undefined) {
      others.push(issue);
      continue;
    }
    const [path, place] = found;
    const subject = entryOf(place, issue.path.slice(path.length + 1), draft);
    const message = messageOf(issue);
    const text = subject === null ? message : texts.issues.of(subject, message);
    const earlier = atFields[place];
    atFields[place] = earlier === undefined ? text : `${earlier}; ${text}`;
  }
  return { atFields, others };
}

/**
 * Returns the text that a person has entered as an entry of a list; null: there is none.
 * @param rest path within the list, for example `0.segmentId`
 */
function entryOf(place: Place, rest: string, draft: Draft): string | null {
  const index = Number.parseInt(rest.replace(/^fields\./, ''), 10);
  if (Number.isNaN(index)) return null;
  if (place === 'segments') return draft.segments[index]?.label ?? null;
  if (place === 'fields') return fieldsOf(draft.fields)[index] ?? null;
  return place === 'eventFields' ? (fieldsOf(draft.eventFields)[index] ?? null) : null;
}
