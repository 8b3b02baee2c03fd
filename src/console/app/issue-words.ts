import { texts } from '../texts.ts';

/** An issue of the gateway: its path is that of an argument, which people who use the console do not know. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

const { target, profiles, fields, events, others } = texts.create;

/** Names of the parts of a request by their path without `input.`, in the order of the forms. */
const names: ReadonlyMap<string, string> = new Map([
  ['destination', target.title],
  ['destination.target', target.dataset],
  ['destination.target.newDataset', target.new],
  ['destination.target.newDataset.name', target.name],
  ['filter', profiles.title],
  ['filter.segments', profiles.segments],
  ['filter.segmentQualificationTime', profiles.qualified],
  ['filter.segmentQualificationTime.startTime', profiles.qualifiedFrom],
  ['filter.segmentQualificationTime.endTime', profiles.qualifiedTo],
  ['evaluateSegments', profiles.evaluate],
  ['destination.segmentPerBatch', profiles.batchPerSegment],
  ['filter.fromIngestTimestamp', profiles.changedAfter],
  ['mergePolicy', profiles.mergePolicy],
  ['fields', fields.paths],
  ['eventList', events.title],
  ['eventList.fields', events.fields],
  ['eventList.fromIngestTimestamp', events.from],
  ['eventList.toIngestTimestamp', events.to],
  ['filter.emptyProfiles', others.emptyProfiles],
  ['schemaName', others.schemaName],
  ['waitForBatch', others.waitForBatch],
  ['schedule', texts.schedules.expression],
  ['state', texts.schedules.state],
]);
const order = [...names.values()];

/** Name of the part that an issue is about, or of what contains it. Null if no form has it. */
export function partOf(path: string): string | null {
  const parts = path.replace(/^input\./, '').split('.');
  for (let count = parts.length; count > 0; count -= 1) {
    const name = names.get(parts.slice(0, count).join('.'));
    if (name !== undefined) return name;
  }
  return null;
}

/** Names of the parts that issues are about, each once, in the order of the forms. */
export const partsOf = (issues: readonly Issue[]): readonly string[] =>
  [...new Set(issues.flatMap(({ path }) => partOf(path) ?? []))].sort(
    (one, other) => order.indexOf(one) - order.indexOf(other),
  );

/** The message of an issue, in which parts of the request have their names in the forms. It continues such a name. */
export const messageOf = ({ path, message }: Issue): string =>
  message.replace(/\b[a-z]+[A-Z]\w*\b/g, (word) => {
    const name = nameBeside(path.replace(/^input\./, ''), word);
    return name === undefined ? word : texts.issues.quoted(name);
  });

/** A message usually mentions a part of what it is about, or a part next to it. */
function nameBeside(path: string, word: string): string | undefined {
  const parent = path.split('.').slice(0, -1);
  return names.get(`${path}.${word}`) ?? names.get([...parent, word].join('.')) ?? names.get(word);
}

/** Whether the platform no longer reports a part of the request. The code of the error is that of any invalid input. */
export const isOmission = ({ message }: Issue): boolean => message.startsWith('is omitted by the platform');
