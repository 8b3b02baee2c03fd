import {
  type GraphQLArgument,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';

/** A list or a text inside an argument of a root field. */
export interface ArgumentLeaf {
  readonly operation: 'query' | 'mutation' | 'subscription';
  readonly field: string;
  /** Name of the argument, followed by members and list indices. */
  readonly path: readonly (string | number)[];
  readonly kind: 'list' | 'text';
  /** A document whose variables have the names of the arguments. */
  readonly document: string;
  /** The smallest valid variables, with `value` at the leaf. */
  variables(value: unknown): Readonly<Record<string, unknown>>;
  /** The smallest valid entry of the list. */
  readonly entry: unknown;
}

const textTypes = ['String', 'ID', 'URL', 'DateTime'];

/** All lists and texts in the arguments of all root fields. */
export function argumentLeaves(schema: GraphQLSchema): readonly ArgumentLeaf[] {
  const roots = [
    ['query', schema.getQueryType()],
    ['mutation', schema.getMutationType()],
    ['subscription', schema.getSubscriptionType()],
  ] as const;
  return roots.flatMap(([operation, type]) =>
    Object.values(type?.getFields() ?? {}).flatMap((field) => {
      const declared = field.args.map(({ name, type: of }) => `$${name}: ${of}`).join(', ');
      const passed = field.args.map(({ name }) => `${name}: $${name}`).join(', ');
      const document = `${operation} (${declared}) { ${field.name}(${passed}) { __typename } }`;
      return field.args.flatMap((argument) =>
        leavesIn(argument.type, [argument.name]).map(({ path, kind, type: of }) => ({
          operation,
          field: field.name,
          path,
          kind,
          document,
          entry: isListType(of) ? smallest(of.ofType) : null,
          variables: (value: unknown) => ({
            ...smallestArguments(field.args),
            [argument.name]: withLeaf(argument.type, path.slice(1), value),
          }),
        })),
      );
    }),
  );
}

interface TypedPath {
  readonly path: readonly (string | number)[];
  readonly kind: 'list' | 'text';
  readonly type: GraphQLInputType;
}

function leavesIn(type: GraphQLInputType, path: readonly (string | number)[]): readonly TypedPath[] {
  if (isNonNullType(type)) return leavesIn(type.ofType, path);
  if (isListType(type)) return [{ path, kind: 'list', type }, ...leavesIn(type.ofType, [...path, 0])];
  if (isInputObjectType(type)) {
    return Object.values(type.getFields()).flatMap((member) => leavesIn(member.type, [...path, member.name]));
  }
  return textTypes.includes(getNamedType(type).name) ? [{ path, kind: 'text', type }] : [];
}

const smallestArguments = (args: readonly GraphQLArgument[]) =>
  Object.fromEntries(args.filter(({ type }) => isNonNullType(type)).map(({ name, type }) => [name, smallest(type)]));

/** The smallest valid value of a type on the path to a leaf. */
function withLeaf(type: GraphQLInputType, path: readonly (string | number)[], leaf: unknown): unknown {
  const [next, ...rest] = path;
  if (next === undefined) return leaf;
  if (isNonNullType(type)) return withLeaf(type.ofType, path, leaf);
  if (isListType(type)) return [withLeaf(type.ofType, rest, leaf)];
  const member = isInputObjectType(type) ? type.getFields()[next] : undefined;
  if (member === undefined) throw new Error(`${type} has no member ${next}.`);
  const whole = isInputObjectType(type) && type.isOneOf ? {} : smallest(type);
  return Object.assign({}, whole, { [next]: withLeaf(member.type, rest, leaf) });
}

function smallest(type: GraphQLInputType): unknown {
  if (isNonNullType(type)) return smallest(type.ofType);
  if (isListType(type)) return [];
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (isInputObjectType(type)) {
    const members = Object.values(type.getFields());
    const needed = type.isOneOf ? members.slice(0, 1) : members.filter((member) => isNonNullType(member.type));
    return Object.fromEntries(needed.map((member) => [member.name, smallest(member.type)]));
  }
  return getNamedType(type).name === 'Int' ? 1 : 'a';
}
