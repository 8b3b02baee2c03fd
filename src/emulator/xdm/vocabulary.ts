import { type ObjectField, storedPaths } from './field.ts';
import { eventSchema, profileAttributes } from './schema.ts';

/** Value types of PQL. Dates and timestamps are both times; a date is its midnight in UTC. */
export type ValueType = 'string' | 'number' | 'boolean' | 'time';

/** Fields of a profile, or of an event, that PQL can name. */
export interface FieldVocabulary {
  readonly of: 'profile' | 'event';
  /** Types by dotted path. */
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

/** Fields outside the subset, because it has no arrays and maps. */
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

/** Fields at a path: the field itself or, for an object, the fields within it; empty when the path does not exist. */
export function fieldsAt({ types }: FieldVocabulary, path: string): readonly string[] {
  return types.has(path) ? [path] : [...types.keys()].filter((field) => field.startsWith(`${path}.`));
}
