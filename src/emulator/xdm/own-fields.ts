import { type ObjectField, object, value } from './field.ts';
import { eventSchema, profileSchema } from './schema.ts';
import { type FieldVocabulary, standardEventFields, standardProfileFields, type ValueType } from './vocabulary.ts';

export const ownFieldTypes = ['string', 'integer', 'number', 'boolean', 'date-time'] as const;
export type OwnFieldType = (typeof ownFieldTypes)[number];

/** A user-defined field, which the standard schemas do not have. It is stored in its own column. */
export interface OwnField {
  readonly of: 'profile' | 'event';
  /** Dotted path, such as `_acme.loyalty.tier`. */
  readonly path: string;
  readonly type: OwnFieldType;
}

/** All fields of a database: the schemas for exports and reads, and the vocabularies for PQL. */
export interface XdmFields {
  readonly own: readonly OwnField[];
  readonly profileSchema: ObjectField;
  readonly eventSchema: ObjectField;
  readonly profileFields: FieldVocabulary;
  readonly eventFields: FieldVocabulary;
}

/**
 * Thrown when a field cannot be added, because another field exists at, above or below its path, or because its column
 * name is in use.
 */
export class OwnFieldError extends Error {
  override readonly name = 'OwnFieldError';
}

export const standardFields: XdmFields = {
  own: [],
  profileSchema,
  eventSchema,
  profileFields: standardProfileFields,
  eventFields: standardEventFields,
};

/**
 * Extends the standard fields with user-defined fields.
 * @throws {OwnFieldError}
 */
export function withOwnFields(own: readonly OwnField[]): XdmFields {
  const of = (kind: OwnField['of']) => own.filter((field) => field.of === kind);
  return {
    own,
    profileSchema: of('profile').reduce(extendSchema, profileSchema),
    eventSchema: of('event').reduce(extendSchema, eventSchema),
    profileFields: extendVocabulary(standardProfileFields, of('profile')),
    eventFields: extendVocabulary(standardEventFields, of('event')),
  };
}

/** Columns of the fragment and event tables that hold no field. */
const otherColumn = /^(?:sandbox|person|source|updated_at|identity\..*)$/i;

function extendSchema(schema: ObjectField, { of, path }: OwnField): ObjectField {
  if (otherColumn.test(path)) throw new OwnFieldError(`fields.${of}.${path} is a reserved name`);
  return addField(schema, path.split('.'), `${of}.${path}`);
}

function addField(schema: ObjectField, [name = '', ...below]: readonly string[], label: string): ObjectField {
  // DuckDB compares the names of columns and struct members without case.
  const similar = Object.keys(schema.fields).find((each) => each !== name && each.toLowerCase() === name.toLowerCase());
  if (similar !== undefined)
    throw new OwnFieldError(`fields.${label} differs from ${similar} only in upper and lower case`);
  const existing = Object.hasOwn(schema.fields, name) ? schema.fields[name] : undefined;
  if (below.length === 0) {
    if (existing !== undefined) throw new OwnFieldError(`fields.${label} is a field already`);
    return object({ ...schema.fields, [name]: value });
  }
  if (existing !== undefined && existing.kind !== 'object') {
    throw new OwnFieldError(`fields.${label} is below a field that is not an object`);
  }
  return object({ ...schema.fields, [name]: addField(existing ?? object({}), below, label) });
}

function extendVocabulary({ of, types }: FieldVocabulary, own: readonly OwnField[]): FieldVocabulary {
  return { of, types: new Map([...types, ...own.map(({ path, type }) => [path, valueTypes[type]] as const)]) };
}

const valueTypes: Readonly<Record<OwnFieldType, ValueType>> = {
  string: 'string',
  integer: 'number',
  number: 'number',
  boolean: 'boolean',
  'date-time': 'time',
};

/** SQL types of the columns. */
export const columnTypes: Readonly<Record<OwnFieldType, string>> = {
  string: 'VARCHAR',
  integer: 'BIGINT',
  number: 'DOUBLE',
  boolean: 'BOOLEAN',
  'date-time': 'TIMESTAMPTZ',
};
