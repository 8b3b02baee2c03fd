import { type ObjectField, storedPaths } from '../engine/xdm-field.ts';
import { eventSchema, profileAttributes } from '../engine/xdm-schema.ts';

/** What PQL can compute with. Dates and timestamps are both times; a date is its midnight in UTC. */
export type ValueType = 'string' | 'number' | 'boolean' | 'time';

/** The fields of a profile, or of an event, that PQL can name. */
export interface FieldVocabulary {
  readonly of: 'profile' | 'event';
  /** By dotted path. */
  readonly types: ReadonlyMap<string, ValueType>;
}

const notStrings: Readonly<Record<string, ValueType>> = {
  'person.birthDate': 'time',
  'loyalty.points': 'number',
  'loyalty.joinDate': 'time',
  'consents.metadata.time': 'time',
  testProfile: 'boolean',
  timestamp: 'time',
  receivedTimestamp: 'time',
  'commerce.order.priceTotal': 'number',
  'commerce.purchases.value': 'number',
  'commerce.productViews.value': 'number',
};

/** Arrays and maps have no place in the subset, so they are not among the fields. */
const unsupported: ReadonlySet<string> = new Set(['productListItems']);

const vocabulary = (of: FieldVocabulary['of'], schema: ObjectField): FieldVocabulary => ({
  of,
  types: new Map(
    storedPaths(schema)
      .filter((path) => !unsupported.has(path))
      .map((path) => [path, notStrings[path] ?? 'string']),
  ),
});

export const standardProfileFields = vocabulary('profile', profileAttributes);
export const standardEventFields = vocabulary('event', eventSchema);

/** The fields at a path: itself, or for the path of an object those within it; none when there is no such path. */
export function fieldsAt({ types }: FieldVocabulary, path: string): readonly string[] {
  return types.has(path) ? [path] : [...types.keys()].filter((field) => field.startsWith(`${path}.`));
}
