import {
  type FieldDefinitionNode,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLSchema,
  getNamedType,
  type InputValueDefinitionNode,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
  isTypeDefinitionNode,
  isUnionType,
  Kind,
  parse,
  print,
  type TypeDefinitionNode,
  type TypeNode,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { contractAvailable, contractText, printedSchema } from '../support/sdl.ts';

const schema = printedSchema();

/**
 * Elements of the contract that are not released yet, in the form of `missingFrom`. Remove an element when it is built.
 */
const planned: readonly string[] = [];

describe('the printed SDL', () => {
  it('describes every type, field, argument, input field and enum value', () => {
    expect(undescribed(schema)).toEqual([]);
  });

  describe.skipIf(!contractAvailable)('compared with the public contract', () => {
    const text = contractAvailable ? contractText() : 'scalar Absent';
    const definitions = parse(text).definitions.filter(isTypeDefinitionNode);

    it('lacks no element of it except the planned ones', () => {
      const missing = definitions.flatMap((definition) => missingFrom(schema, definition));
      expect(missing.toSorted()).toEqual(planned.toSorted());
    });

    it('is compared with a contract that is not empty', () => {
      expect(definitions.length).toBeGreaterThan(60);
      expect(payloadsOf(text).size).toBeGreaterThan(8);
    });

    it.each(connectionsOf(definitions))('has %sConnection as specified by Relay', (node) => {
      expect(fieldsOf(schema, `${node}Connection`)).toMatchObject({
        edges: `[${node}Edge!]!`,
        nodes: `[${node}!]!`,
        pageInfo: 'PageInfo!',
        totalCount: 'SafeInt',
      });
      expect(fieldsOf(schema, `${node}Edge`)).toMatchObject({ node: `${node}!`, cursor: 'String!' });
    });

    it.each([...payloadsOf(text)])('has %s with the fields of the contract', (payload, fields) => {
      expect(fieldsOf(schema, payload)).toMatchObject(fields);
    });

    it.each(resultsOf(definitions))('returns %s: the payload, or one of the error types', (result) => {
      const union = schema.getType(result);
      const members = isUnionType(union) ? union.getTypes() : [];
      const payload = result.replace(/Result$/, 'Payload');
      expect(members.map(({ name }) => name)).toContain(payload);
      const errors = members.filter(({ name }) => name !== payload);
      expect(errors.length).toBeGreaterThan(0);
      for (const type of errors) expect(type.getInterfaces().map(({ name }) => name)).toContain('Error');
      expect(payloadsOf(text).has(payload)).toBe(true);
    });
  });
});

const statusEnums = ['ExportJobStatus', 'BatchStatus', 'SegmentJobStatus'];

describe('an object with a status', () => {
  const withStatus = Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .filter((type) => statusEnums.includes(getNamedType(type.getFields()['status']?.type)?.name ?? ''));

  it('has the platform’s raw value in a second field, and UNKNOWN for values that the gateway does not know', () => {
    expect(withStatus.map(({ name }) => name).toSorted()).toEqual(['Batch', 'ExportJob', 'SegmentJob']);
    for (const type of withStatus) expect(fieldsOf(schema, type.name)).toMatchObject({ rawStatus: 'String!' });
    for (const name of statusEnums) {
      const type = schema.getType(name);
      expect(isEnumType(type) && type.getValue('UNKNOWN')).toBeTruthy();
    }
  });
});

/** Paths of missing or empty descriptions. */
function undescribed(described: GraphQLSchema): readonly string[] {
  const blank = (path: string, { description }: { readonly description?: string | null | undefined }) =>
    (description ?? '').trim() === '' ? [path] : [];
  return Object.values(described.getTypeMap()).flatMap((type) => {
    if (isIntrospectionType(type) || isSpecifiedScalarType(type)) return [];
    const own = blank(type.name, type);
    if (isEnumType(type))
      return [...own, ...type.getValues().flatMap((each) => blank(`${type.name}.${each.name}`, each))];
    if (isObjectType(type) || isInterfaceType(type)) {
      const fields = Object.values(type.getFields()).flatMap((field) => [
        ...blank(`${type.name}.${field.name}`, field),
        ...field.args.flatMap((each) => blank(`${type.name}.${field.name}(${each.name})`, each)),
      ]);
      return [...own, ...fields];
    }
    if (!isInputObjectType(type)) return own;
    return [...own, ...Object.values(type.getFields()).flatMap((each) => blank(`${type.name}.${each.name}`, each))];
  });
}

/** Elements of a definition that the schema lacks, or has in another form. */
function missingFrom(actual: GraphQLSchema, definition: TypeDefinitionNode): readonly string[] {
  const name = definition.name.value;
  const type = actual.getType(name);
  if (type === undefined) return [name];
  switch (definition.kind) {
    case Kind.SCALAR_TYPE_DEFINITION:
      return isScalarType(type) ? [] : [`scalar ${name}`];
    case Kind.ENUM_TYPE_DEFINITION: {
      const values = isEnumType(type) ? type.getValues().map((value) => value.name) : [];
      return (definition.values ?? []).flatMap((each) =>
        values.includes(each.name.value) ? [] : [`${name}.${each.name.value}`],
      );
    }
    case Kind.UNION_TYPE_DEFINITION: {
      const members = isUnionType(type) ? type.getTypes().map((member) => member.name) : [];
      return (definition.types ?? []).flatMap((each) =>
        members.includes(each.name.value) ? [] : [`${name} = ${each.name.value}`],
      );
    }
    case Kind.INPUT_OBJECT_TYPE_DEFINITION: {
      if (!isInputObjectType(type)) return [`input ${name}`];
      const oneOf = definition.directives?.some((directive) => directive.name.value === 'oneOf') === true;
      return [
        ...(type.isOneOf === oneOf ? [] : [`${name} @oneOf`]),
        ...inputsMissing(`${name}.`, Object.values(type.getFields()), definition.fields ?? []),
      ];
    }
    case Kind.OBJECT_TYPE_DEFINITION:
    case Kind.INTERFACE_TYPE_DEFINITION: {
      const matches = definition.kind === Kind.OBJECT_TYPE_DEFINITION ? isObjectType(type) : isInterfaceType(type);
      if (!matches || !(isObjectType(type) || isInterfaceType(type))) return [`${definition.kind} ${name}`];
      const interfaces = type.getInterfaces().map((each) => each.name);
      return [
        ...(definition.interfaces ?? []).flatMap((each) =>
          interfaces.includes(each.name.value) ? [] : [`${name} implements ${each.name.value}`],
        ),
        ...(definition.fields ?? []).flatMap((field) => fieldMissing(name, type.getFields()[field.name.value], field)),
      ];
    }
  }
}

function fieldMissing(
  owner: string,
  actual: GraphQLField<unknown, unknown> | undefined,
  wanted: FieldDefinitionNode,
): readonly string[] {
  const path = `${owner}.${wanted.name.value}`;
  if (actual === undefined) return [path];
  return [
    ...typeMissing(path, actual, wanted),
    ...inputsMissing(`${path}: `, actual.args, wanted.arguments ?? []),
    // An additional required argument would break every operation that was written for the contract.
    ...actual.args
      .filter((arg) => String(arg.type).endsWith('!') && arg.defaultValue === undefined)
      .filter((arg) => !wanted.arguments?.some((each) => each.name.value === arg.name))
      .map((arg) => `${path} without ${arg.name}`),
  ];
}

const inputsMissing = (
  path: string,
  actual: readonly (GraphQLArgument | GraphQLInputField)[],
  wanted: readonly InputValueDefinitionNode[],
): readonly string[] =>
  wanted.flatMap((each) => {
    const found = actual.find(({ name }) => name === each.name.value);
    return found === undefined ? [`${path}${each.name.value}`] : typeMissing(`${path}${each.name.value}`, found, each);
  });

const typeMissing = (
  path: string,
  actual: { readonly type: unknown },
  wanted: { readonly type: TypeNode },
): readonly string[] => {
  const [is, should] = [String(actual.type), print(wanted.type)];
  return is === should ? [] : [`${path}: ${should}, which is ${is}`];
};

/** Fields of an object type with their types. */
function fieldsOf(actual: GraphQLSchema, name: string): Readonly<Record<string, string>> {
  const type = actual.getType(name);
  if (!isObjectType(type)) return {};
  return Object.fromEntries(Object.values(type.getFields()).map((field) => [field.name, String(field.type)]));
}

/** Payloads that the comments of the contract spell out: `APayload, BPayload { field: Type! other: Type! }`. */
function payloadsOf(text: string): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const comments = text
    .split('\n')
    .filter((line) => line.startsWith('#'))
    .map((line) => line.slice(1))
    .join(' ');
  const payloads = new Map<string, Readonly<Record<string, string>>>();
  for (const [, names = '', fields = ''] of comments.matchAll(/((?:\w+Payload[,\s]+)+)\{([^}]*)\}/g)) {
    const pairs = [...fields.matchAll(/(\w+): (\S+)/g)].map(([, field = '', type = '']) => [field, type] as const);
    for (const [name] of names.matchAll(/\w+Payload/g)) payloads.set(name, Object.fromEntries(pairs));
  }
  return payloads;
}

/** Named types of all fields whose name ends with a word. */
function typesNamed(definitions: readonly TypeDefinitionNode[], end: string): readonly string[] {
  const types = definitions.flatMap((definition) =>
    definition.kind === Kind.OBJECT_TYPE_DEFINITION ? (definition.fields ?? []).map((field) => print(field.type)) : [],
  );
  return [...new Set(types.map((type) => type.replace(/[[\]!]/g, '')).filter((name) => name.endsWith(end)))];
}

function connectionsOf(definitions: readonly TypeDefinitionNode[]): readonly string[] {
  return typesNamed(definitions, 'Connection').map((name) => name.replace(/Connection$/, ''));
}

function resultsOf(definitions: readonly TypeDefinitionNode[]): readonly string[] {
  return typesNamed(definitions, 'Result');
}
