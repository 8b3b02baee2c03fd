import { getNamedType, isInputObjectType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { isOmission, messageOf, partOf, partsOf } from '../../../src/console/app/issue-words.ts';
import { texts } from '../../../src/console/texts.ts';
import { printedSchema } from '../../support/sdl.ts';

/** Parts that the console does not send, or that no person has entered. */
const unnamed = ['idempotencyKey', 'skipChecks'];

/** Paths of all members of an input. */
function pathsIn(name: string, path = 'input'): readonly string[] {
  const type = printedSchema().getType(name);
  if (!isInputObjectType(type)) throw new Error(`${name} is no input.`);
  return Object.values(type.getFields()).flatMap((field) => {
    const inner = `${path}.${field.name}`;
    const of = getNamedType(field.type);
    return [inner, ...(isInputObjectType(of) ? pathsIn(of.name, inner) : [])];
  });
}

describe('the words of an issue', () => {
  it.each(['CreateExportJobInput', 'UpdateScheduleInput'])('name each part of %s as the forms do', (name) => {
    const paths = pathsIn(name);
    expect(paths.length).toBeGreaterThan(1);
    expect(paths.filter((path) => partOf(path) === null)).toEqual(
      unnamed.map((each) => `input.${each}`).filter((path) => paths.includes(path)),
    );
  });

  it('name an entry of a list by its list', () => {
    const { segments, qualified } = texts.create.profiles;
    expect(partOf('filter.segments.0.segmentId')).toBe(segments);
    expect(partOf('input.filter.segmentQualificationTime')).toBe(qualified);
    expect(partOf('input')).toBeNull();
  });

  it('have each name once, in the order of the form', () => {
    const paths = [
      'fields',
      'filter.segments.1.segmentId',
      'waitForBatch',
      'filter.segments.0.segmentId',
      'skipChecks',
    ];
    expect(partsOf(paths.map((path) => ({ path, message: 'is wrong' })))).toEqual([
      texts.create.profiles.segments,
      texts.create.fields.paths,
      texts.create.others.waitForBatch,
    ]);
  });

  it.each([
    ['input.eventList.toIngestTimestamp', 'must be later than fromIngestTimestamp', texts.create.events.from],
    [
      'input.filter.segmentQualificationTime.endTime',
      'must be later than startTime',
      texts.create.profiles.qualifiedFrom,
    ],
    ['input.filter', 'fromIngestTimestamp is too early', texts.create.profiles.changedAfter],
    ['', 'schemaName is unknown', texts.create.others.schemaName],
  ])('at %s replace the field of the API in: %s', (path, message, name) => {
    expect(messageOf({ path, message })).toBe(message.replace(/\w*[A-Z]\w*/, `“${name}”`));
  });

  it('keep words that are no fields', () => {
    const message = 'must be REALIZED, EXISTING or eXited';
    expect(messageOf({ path: 'input.fields', message })).toBe(message);
    expect(isOmission({ path: 'input.fields', message })).toBe(false);
  });
});
