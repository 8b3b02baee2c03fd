import {
  type GraphQLAbstractType,
  GraphQLBoolean,
  GraphQLEnumType,
  type GraphQLFieldConfig,
  type GraphQLFieldConfigMap,
  GraphQLID,
  GraphQLInputObjectType,
  GraphQLInt,
  GraphQLInterfaceType,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  GraphQLSchema,
  GraphQLString,
  GraphQLUnionType,
  getNamedType,
  isCompositeType,
  isEnumType,
  isListType,
  isNonNullType,
} from 'graphql';
import { hashOf } from './random.ts';
import type { Steps } from './steps.ts';

/** How resolvers behave: `sync` and `async` for all of them, or each in its own way. */
export type Mode = 'sync' | 'async' | 'mixed';

export interface FixtureContext {
  readonly seed: number;
  readonly mode: Mode;
  readonly steps: Steps;
}

/** The source of an object. Its path determines the results of its fields, so that all executors get the same ones. */
export class Source {
  readonly path: string;
  readonly #context: FixtureContext;

  constructor(path: string, context: FixtureContext) {
    this.path = path;
    this.#context = context;
  }

  get plain(): unknown {
    return outcomeAt(`${this.path}.plain`, GraphQLString, this.#context);
  }

  method(args: unknown, context: FixtureContext, info: GraphQLResolveInfo): unknown {
    return outcomeAt(`${pathText(info)}${JSON.stringify(args)}`, GraphQLString, context);
  }
}

const pathText = ({ path }: GraphQLResolveInfo): string => {
  const keys: string[] = [];
  for (let each: GraphQLResolveInfo['path'] | undefined = path; each !== undefined; each = each.prev) {
    keys.push(`${each.typename ?? ''}:${each.key}`);
  }
  return keys.reverse().join('/');
};

/** Returns the result of a field or an item, which covers the ways in which resolvers succeed or fail. */
function outcomeAt(path: string, type: GraphQLOutputType, context: FixtureContext): unknown {
  const { seed, mode, steps } = context;
  const chance = hashOf(seed, path) % 100;
  const isAsync = mode === 'async' || (mode === 'mixed' && chance % 3 === 0);
  const produce = (): unknown => {
    if (chance < 4) throw new Error(`Thrown at ${path}`);
    // biome-ignore lint/style/useThrowOnlyError: resolvers can throw anything.
    if (chance < 5) throw `Text at ${path}`;
    if (chance < 7) return new Error(`Returned at ${path}`);
    if (chance < 13) return chance % 2 === 0 ? null : undefined;
    return valueAt(path, type, context);
  };
  return isAsync ? steps.later(path, produce) : produce();
}

function valueAt(path: string, type: GraphQLOutputType, context: FixtureContext): unknown {
  const chance = hashOf(context.seed, `${path} value`) % 100;
  if (isNonNullType(type)) return valueAt(path, type.ofType, context);
  if (isListType(type)) {
    if (chance < 3) return 'no list';
    const items = itemsAt(path, type.ofType, context, chance % 4);
    return chance < 10 && context.mode === 'sync' ? new Set(items) : items;
  }
  if (isCompositeType(type)) return new Source(path, context);
  if (isEnumType(type)) return ['RED', 'GREEN', 'none'][chance % 3];
  if (getNamedType(type) === GraphQLInt) return chance < 8 ? 'no number' : chance;
  if (getNamedType(type) === GraphQLBoolean) return chance % 2 === 0;
  return `value ${chance}`;
}

function itemsAt(path: string, type: GraphQLOutputType, context: FixtureContext, length: number): unknown[] {
  const mayFail = context.mode === 'sync' || !isNonNullType(type);
  // Graphql leaves a rejection unhandled if a non-null item fails while an earlier one is pending.
  return Array.from({ length: mayFail ? length : Math.min(length, 1) }, (_, index) => {
    const item = `${path}/${index}`;
    return mayFail ? outcomeAt(item, type, context) : valueAt(item, type, context);
  });
}

/** Returns the result of `resolveType`, which is mostly the name of a type of the union or interface. */
function typeNameOf(value: unknown, context: FixtureContext, type: GraphQLAbstractType): string | Promise<string> {
  if (!(value instanceof Source)) throw new Error('The value has no type.');
  const chance = hashOf(context.seed, `${value.path} type`) % 100;
  const wrong: unknown[] = [undefined, 'Nothing', 'Color', 'Query', 7, schema.getType('A')];
  const right = ['A', 'B', type.name === 'Thing' ? 'A' : 'C'];
  // The cast is needed, because graphql has a message for each wrong value although its types exclude them.
  const name = (chance < wrong.length ? wrong[chance] : right[chance % 3]) as string;
  return context.mode === 'sync' || chance % 2 === 0 ? name : context.steps.later(`${value.path} type`, () => name);
}

function isOfType(name: string) {
  return (value: unknown, context: FixtureContext): boolean | Promise<boolean> => {
    if (!(value instanceof Source)) return false;
    const chance = hashOf(context.seed, `${value.path} is ${name}`) % 100;
    const result = () => {
      if (chance < 3) throw new Error(`No answer whether ${value.path} is ${name}`);
      return chance < 90;
    };
    return context.mode === 'sync' || chance % 2 === 0
      ? result()
      : context.steps.later(`${value.path} is ${name}`, result);
  };
}

const Color = new GraphQLEnumType({ name: 'Color', values: { RED: {}, GREEN: {} } });
const Input = new GraphQLInputObjectType({
  name: 'Input',
  fields: { text: { type: new GraphQLNonNull(GraphQLString) }, count: { type: GraphQLInt, defaultValue: 3 } },
});

const resolved = (type: GraphQLOutputType): GraphQLFieldConfig<unknown, FixtureContext> => ({
  type,
  resolve: (_source, _args, context, info) => outcomeAt(pathText(info), type, context),
});

const fields = (): GraphQLFieldConfigMap<unknown, FixtureContext> => ({
  id: resolved(new GraphQLNonNull(GraphQLID)),
  text: resolved(GraphQLString),
  count: resolved(GraphQLInt),
  flag: resolved(new GraphQLNonNull(GraphQLBoolean)),
  color: resolved(Color),
  numbers: resolved(new GraphQLList(new GraphQLNonNull(GraphQLInt))),
  rows: resolved(new GraphQLNonNull(new GraphQLList(new GraphQLList(GraphQLString)))),
  plain: { type: GraphQLString },
  method: {
    type: GraphQLString,
    args: { text: { type: GraphQLString }, count: { type: GraphQLInt, defaultValue: 1 } },
  },
  absent: { type: GraphQLString },
  echo: {
    type: GraphQLString,
    args: { input: { type: Input }, count: { type: new GraphQLNonNull(GraphQLInt) } },
    resolve: (_source, args, _context, info) => `${JSON.stringify(args)} ${JSON.stringify(info.variableValues)}`,
  },
  a: resolved(A),
  b: resolved(new GraphQLNonNull(B)),
  c: resolved(new GraphQLNonNull(C)),
  thing: resolved(Thing),
  some: resolved(new GraphQLNonNull(Some)),
  loose: resolved(Loose),
  listA: resolved(new GraphQLList(A)),
  listC: resolved(new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(C)))),
  things: resolved(new GraphQLList(new GraphQLNonNull(Thing))),
  somes: resolved(new GraphQLList(Some)),
});

const Thing: GraphQLInterfaceType = new GraphQLInterfaceType({
  name: 'Thing',
  fields,
  resolveType: (value, context, _info, type) => typeNameOf(value, context, type),
});
/** Without `resolveType`. */
const Loose: GraphQLInterfaceType = new GraphQLInterfaceType({ name: 'Loose', fields });
const interfaces = [Thing, Loose];
const A: GraphQLObjectType = new GraphQLObjectType({ name: 'A', fields, interfaces, isTypeOf: isOfType('A') });
const B: GraphQLObjectType = new GraphQLObjectType({ name: 'B', fields, interfaces, isTypeOf: isOfType('B') });
const C: GraphQLObjectType = new GraphQLObjectType({ name: 'C', fields });
const Some = new GraphQLUnionType({
  name: 'Some',
  types: [A, B, C],
  resolveType: (value, context, _info, type) => typeNameOf(value, context, type),
});

/** A schema with every kind of type. The paths of its fields determine their results. */
export const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: 'Query', fields }),
  mutation: new GraphQLObjectType({ name: 'Mutation', fields }),
  subscription: new GraphQLObjectType({ name: 'Subscription', fields }),
  types: [A, B, C],
});
