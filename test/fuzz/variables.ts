import fc from 'fast-check';
import {
  type DocumentNode,
  type GraphQLInputType,
  type GraphQLSchema,
  getOperationAST,
  isEnumType,
  isInputObjectType,
  isInputType,
  isListType,
  isNonNullType,
  typeFromAST,
} from 'graphql';
import { altered, hostileNumber, hostileText, hostileValue } from './hostile-values.ts';

export type Variables = Readonly<Record<string, unknown>>;

/** Ids and cursors that exist in the gateway under test. */
export interface KnownValues {
  readonly ids: readonly string[];
  readonly cursors: readonly string[];
}

/** Ratio of values with a valid type to values with an invalid type. */
const rightPerWrong = 6;
/** Maximum number of list items, one more than the gateway accepts where it has a limit. */
const maxItems = 101;

/** Variables for an operation, most of them with the declared type. */
export function variablesOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  known: KnownValues,
): fc.Arbitrary<Variables> {
  const definitions = getOperationAST(document)?.variableDefinitions ?? [];
  const shape = Object.fromEntries(
    definitions.map(({ type, variable }) => {
      const inputType = typeFromAST(schema, type);
      if (!isInputType(inputType)) throw new Error(`${variable.name.value} has no type of this schema.`);
      return [variable.name.value, valueFor(inputType, variable.name.value, known)] as const;
    }),
  );
  return fc.oneof(
    { weight: rightPerWrong, arbitrary: fc.record(shape) },
    { weight: 1, arbitrary: fc.record(shape, { requiredKeys: [] }) },
    { weight: 1, arbitrary: fc.dictionary(hostileText, hostileValue, { maxKeys: 3 }) },
  );
}

function valueFor(type: GraphQLInputType, name: string, known: KnownValues): fc.Arbitrary<unknown> {
  if (isNonNullType(type)) {
    return fc.oneof(
      { weight: rightPerWrong, arbitrary: rightValue(type.ofType, name, known) },
      { weight: 1, arbitrary: hostileValue },
    );
  }
  return fc.oneof(
    { weight: rightPerWrong, arbitrary: rightValue(type, name, known) },
    { weight: rightPerWrong / 2, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: hostileValue },
  );
}

function rightValue(type: GraphQLInputType, name: string, known: KnownValues): fc.Arbitrary<unknown> {
  if (isNonNullType(type)) return rightValue(type.ofType, name, known);
  if (isListType(type)) {
    const item = valueFor(type.ofType, name, known);
    const many = fc.array(item, { minLength: maxItems, maxLength: maxItems, size: 'max' });
    return fc.oneof({ weight: 20, arbitrary: fc.array(item, { maxLength: 4 }) }, { weight: 1, arbitrary: many });
  }
  if (isEnumType(type)) return fc.constantFrom(...type.getValues().map((value) => value.name));
  if (isInputObjectType(type)) {
    const members = Object.entries(type.getFields());
    const shape = Object.fromEntries(members.map(([key, field]) => [key, valueFor(field.type, key, known)]));
    if (!type.isOneOf) return fc.record(shape, { requiredKeys: members.filter(isRequired).map(([key]) => key) });
    const single = Object.entries(shape).map(([key, value]) => fc.record({ [key]: value }));
    return fc.oneof(
      { weight: rightPerWrong, arbitrary: fc.oneof(...single) },
      { weight: 1, arbitrary: fc.record(shape) },
    );
  }
  return scalar(type.name, name, known);
}

const isRequired = ([, field]: readonly [string, { readonly type: GraphQLInputType }]) => isNonNullType(field.type);

function scalar(type: string, name: string, { ids, cursors }: KnownValues): fc.Arbitrary<unknown> {
  const id = fc.constantFrom(...ids);
  switch (type) {
    case 'ID':
      return fc.oneof({ weight: 4, arbitrary: id }, id.chain(altered), hostileText);
    case 'Int':
    case 'SafeInt':
      return fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 100 }) }, hostileNumber);
    case 'Boolean':
      return fc.boolean();
    case 'DateTime':
      return dateTime;
    case 'URL':
      return fc.oneof(fc.constant('https://ns.adobe.com/xdm/context/profile__union'), fc.webUrl(), hostileText);
    case 'String': {
      if (name !== 'after') return fc.oneof(fc.string({ maxLength: 30 }), hostileText);
      const cursor = fc.constantFrom(...cursors);
      return fc.oneof(cursor, cursor.chain(altered), cursor.chain(alteredInside), hostileText);
    }
    default:
      return hostileValue;
  }
}

const dateTime = fc.oneof(
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc
    .date({ noInvalidDate: true, min: new Date('2020-01-01'), max: new Date('2035-01-01') })
    .map((date) => date.toISOString()),
  fc.constantFrom('2030-02-30T00:00:00Z', '2030-01-01T24:00:00Z', '0000-00-00T00:00:00Z', '2030-01-01T00:00:00+99:99'),
  hostileText,
);

/** A valid base64 cursor whose decoded text has one changed character. */
const alteredInside = (cursor: string): fc.Arbitrary<string> =>
  altered(Buffer.from(cursor, 'base64url').toString()).map((text) => Buffer.from(text).toString('base64url'));
