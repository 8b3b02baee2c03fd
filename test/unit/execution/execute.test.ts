import {
  buildSchema,
  type ExecutionResult,
  execute as executeWithGraphql,
  GraphQLError,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getIntrospectionQuery,
  isAbstractType,
  isObjectType,
  isScalarType,
  parse,
} from 'graphql';
import { expect, it } from 'vitest';
import { type ExecuteArgs, execute } from '../../../src/execution/execute.ts';
import { textOf } from '../../../src/server/sharing/serialized-result.ts';
import { readResult } from '../../support/read-result.ts';

const sdl = `
  interface Node { id: ID, node: Node }
  union Any = User | Group
  enum Role { ADMIN GUEST }
  scalar Odd
  input Filter { name: String!, limit: Int = 10 }
  type User implements Node { id: ID, node: Node, name: String!, role: Role, friend: User, boss: User!, odd: Odd, tags: [String], find(filter: Filter, first: Int!): String }
  type Group implements Node { id: ID, node: Node, title: String, members: [User!] }
  type Query {
    user: User, sure: User!, node: Node, any: Any, text: String, other: String, number: Int, role: Role, odd: Odd, required: String!
    numbers: [Int], sureNumbers: [Int!], users: [User], sureUsers: [User!]!, rows: [[Int!]], nodes: [Node!]
    find(filter: Filter, first: Int!): String
    findAll(numbers: [Int!]): String
  }
  type Mutation { first: String, second: String!, third: User }
  type Subscription { event: User }
`;

/** Types of the schema that have functions, and their functions. */
type Functions = Readonly<Record<string, object>>;

function schemaWith(functions: Functions, text = sdl): GraphQLSchema {
  const schema = buildSchema(text);
  for (const [name, members] of Object.entries(functions)) {
    const type = schema.getType(name);
    if (isAbstractType(type) || isObjectType(type) || isScalarType(type)) Object.assign(type, members);
  }
  return schema;
}

interface Case {
  readonly query: string;
  /** Called for each executor. */
  readonly root?: () => object;
  readonly functions?: Functions;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly operation?: string;
  readonly text?: string;
}

type Outcome = { readonly result: ExecutionResult; readonly isPromise: boolean };

async function outcomeOf(executor: typeof execute, args: ExecuteArgs, { root }: Case): Promise<Outcome> {
  const returned = executor({ ...args, rootValue: root?.(), contextValue: { caller: 'me' } });
  return { result: await returned, isPromise: returned instanceof Promise };
}

/**
 * Returns the data as text, because the order of its keys matters, and the errors as text and in the form for programs.
 */
const described = ({ result, isPromise }: Outcome) => ({
  isPromise,
  text: textOf(result),
  keys: Object.keys(result),
  errors: (result.errors ?? []).map((error) => ({
    isGraphqlError: error instanceof GraphQLError,
    cause: String(error.originalError),
    nodes: error.nodes?.map(({ kind }) => kind),
  })),
});

const later = async <T>(value: T): Promise<T> => value;
const failLater = async (message: string): Promise<never> => {
  throw new Error(message);
};
const fail = (message: string): never => {
  throw new Error(message);
};
/** An object that can be awaited but is not a promise. */
const thenable = (then: PromiseLike<unknown>['then']): object => Object.fromEntries([['then', then]]);
const user = (id: string, more: object = {}) => ({ __typename: 'User', id, name: `user ${id}`, ...more });

const cases: Readonly<Record<string, Case>> = {
  'an operation without a value': { query: '{ text user { id } numbers }' },
  'values of all kinds': {
    query: '{ text number role user { id name role friend { name } } numbers rows users { id } }',
    root: () => ({
      text: 7,
      number: '5',
      role: 'ADMIN',
      user: user('1', { role: 'GUEST', friend: user('2') }),
      numbers: [1, null, 2],
      rows: [[1], null, []],
      users: [user('3'), null],
    }),
  },
  'keys in the order of the selection, with awaited ones between them': {
    query: '{ text other number user { name id } }',
    root: () => ({ text: later('a'), other: 'b', number: later(1), user: later(user('1', { name: later('n') })) }),
  },
  'aliases, and keys that every object has': {
    query: '{ __proto__: text constructor: other toString: text a: number b: number }',
    root: () => ({ text: 'x', other: 'y', number: 1 }),
  },
  'fields of the same key': {
    query: `{ user { id } ...More user { friend { id } } ... on Query { user { friend { name } } } }
      fragment More on Query { user { name ...Deep } } fragment Deep on User { friend { role } }`,
    root: () => ({ user: user('1', { friend: user('2', { role: 'ADMIN' }) }) }),
  },
  'fragments of other types': {
    query:
      '{ nodes { ... on User { name } ... on Group { title } ... on Node { id } ...G ... { __typename } } } fragment G on Any { __typename }',
    root: () => ({ nodes: [user('1'), { __typename: 'Group', id: 'g', title: 't' }] }),
  },
  'fields and fragments that do not exist': { query: '{ text nothing ...Nowhere ... on Nothing { text } }' },
  'methods of the root value': {
    query: '{ text find(first: 3) }',
    root: () => ({
      prefix: 'p',
      text(this: { readonly prefix: string }) {
        return this.prefix;
      },
      find: (args: object, context: object, { fieldName }: GraphQLResolveInfo) =>
        JSON.stringify([args, context, fieldName]),
    }),
  },
  'a source that is no object': { query: '{ user { id name } }', root: () => ({ user: 'text' }) },
  'a document without operations': { query: 'fragment F on Query { text }' },
  'an unknown operation': { query: 'query A { text } query B { other }', operation: 'C' },
  'an operation of several without a name': { query: 'query A { text } query B { other }' },
  'two anonymous operations': { query: '{ text } { other }' },
  'an operation by its name': {
    query: 'query A { text } query B { other }',
    operation: 'B',
    root: () => ({ other: 'b' }),
  },
  'an empty name': { query: '{ text }', operation: '' },
  'an operation that the schema does not have': { query: 'mutation { text }', text: 'type Query { text: String }' },
  'wrong variables': {
    query: 'query ($a: Int!, $b: Filter, $c: Role) { text }',
    variables: { b: { limit: 'many', more: 1 }, c: 'NOBODY' },
  },
  'more errors of variables than are reported': {
    query: 'query ($n: [Int!]) { findAll(numbers: $n) }',
    variables: { n: Array.from({ length: 60 }, () => 'text') },
  },
  'defaults of variables and arguments': {
    query: 'query ($name: String! = "n", $first: Int = 4) { find(filter: { name: $name }, first: $first) }',
    root: () => ({ find: (args: object) => JSON.stringify(args) }),
  },
  'a missing argument': {
    query: 'query ($first: Int) { text find(first: $first) }',
    root: () => ({ text: 't', find: () => fail('It is not called.') }),
  },
  'a wrong argument of each item': {
    query: '{ users { name find(first: "x") } }',
    root: () => ({ users: [user('1'), user('2')] }),
  },
  'arguments of each item': {
    query: '{ users { find(filter: { name: "n" }, first: 2) } }',
    root: () => ({ users: [1, 2].map((id) => ({ find: (args: object) => `${id} ${JSON.stringify(args)}` })) }),
  },
  'a condition without a value': {
    query: 'query ($yes: Boolean) { text @include(if: $yes) }',
    root: () => ({ text: 't' }),
  },
  'a condition without a value in an object': {
    query: 'query ($yes: Boolean) { text user { id @skip(if: $yes) } }',
    variables: { yes: null },
    root: () => ({ text: 't', user: user('1') }),
  },
  'errors that are thrown, returned and rejected': {
    query: '{ a: text user { name friend { id } } other role number }',
    root: () => ({
      text: () => fail('thrown'),
      user: user('1', { friend: new Error('returned') }),
      other: () => failLater('rejected'),
      role: later(new Error('returned later')),
      number: () => {
        throw new GraphQLError('with extensions', { extensions: { code: 'X' } });
      },
    }),
  },
  'thrown values that are no errors': {
    query: '{ text other user { id } }',
    root: () => ({
      text: () => {
        // biome-ignore lint/style/useThrowOnlyError: resolvers can throw anything.
        throw 'text';
      },
      other: () => Promise.reject({ an: 'object' }),
      user: () => Promise.reject(undefined),
    }),
  },
  'an error that has a path': {
    query: '{ text }',
    root: () => ({ text: () => Promise.reject(new GraphQLError('of another place', { path: ['elsewhere'] })) }),
  },
  'errors in the order of their occurrence': {
    query: '{ text other number }',
    root: () => ({
      text: () => later(null).then(() => fail('third')),
      other: () => failLater('second'),
      number: () => fail('first'),
    }),
  },
  'null for a field that must not be null': {
    query: '{ text user { boss { name } } }',
    root: () => ({ text: 't', user: user('1', { boss: user('2', { name: null }) }) }),
  },
  'null for an awaited field that must not be null': {
    query: '{ text user { boss { name } } }',
    root: () => ({ text: 't', user: later(user('1', { boss: later(user('2', { name: later(undefined) })) })) }),
  },
  'null for a field of the root that must not be null': {
    query: '{ text required }',
    root: () => ({ text: 't' }),
  },
  'a rejection for a field of the root that must not be null': {
    query: '{ text sure { id } }',
    root: () => ({ text: later('t'), sure: () => failLater('rejected') }),
  },
  'lists of all kinds': {
    query: '{ numbers users { id } rows }',
    root: () => ({
      numbers: new Set([1, 2]),
      users: [later(user('1')), user('2'), later(null)],
      rows: (function* () {
        yield [1, 2];
        yield later([later(3)]);
      })(),
    }),
  },
  'values that are no lists': {
    query: '{ numbers users { id } rows sureNumbers }',
    root: () => ({ numbers: 'text', users: { length: 1 }, rows: later(5), sureNumbers: new Map([['a', 1]]) }),
  },
  'items that fail': {
    query: '{ numbers users { name } }',
    root: () => ({
      numbers: [1, 'x', new Error('returned'), failLater('rejected')],
      users: [user('1', { name: null }), user('2'), failLater('rejected')],
    }),
  },
  'null items where null is not allowed': {
    query: '{ sureNumbers rows nodes { id } }',
    root: () => ({ sureNumbers: [1, null], rows: [[1, null], [2]], nodes: [later(null)] }),
  },
  'several awaited items that fail where null is not allowed': {
    query: '{ text sureUsers { name } }',
    root: () => ({ text: 't', sureUsers: [1, 2, 3].map((id) => user(`${id}`, { name: failLater(`rejected ${id}`) })) }),
  },
  'leaves that fail': {
    query: '{ number role odd text }',
    root: () => ({ number: 1.5, role: 'NOBODY', odd: 1, text: {} }),
    functions: { Odd: { serialize: () => undefined } },
  },
  'a leaf that is awaited when it is serialized': {
    query: '{ odd text }',
    root: () => ({ odd: 1, text: 't' }),
    functions: { Odd: { serialize: (value: unknown) => later(`odd ${value}`) } },
  },
  'thenables that are no promises': {
    query: '{ text other user { name } }',
    root: () => ({
      text: thenable((done) => later('later').then(done)),
      other: thenable((done, refuse) => failLater('refused').then(done, refuse)),
      user: later(user('1')),
    }),
  },
  'types by name': {
    query: '{ node { __typename id } any { __typename ... on Group { title } } nodes { ... on User { name } } }',
    root: () => ({
      node: { kind: 'User', id: 1 },
      any: later({ kind: 'Group', title: 't' }),
      nodes: [{ kind: 'User', name: 'n' }],
    }),
    functions: {
      Node: { resolveType: ({ kind }: { kind: string }) => kind },
      Any: { resolveType: ({ kind }: { kind: string }) => later(kind) },
    },
  },
  'types by `isTypeOf`': {
    query: '{ node { id } any { ... on Group { title } } nodes { __typename } user { id } }',
    root: () => ({
      node: { name: 'n', id: 1 },
      any: { title: 't' },
      nodes: [{ name: 'n' }, { title: 't' }],
      user: { title: 't' },
    }),
    functions: {
      User: { isTypeOf: (value: object) => 'name' in value },
      Group: { isTypeOf: async (value: object) => 'title' in value },
    },
  },
  'an awaited `isTypeOf` that fails': {
    query: '{ user { id } sure { id } }',
    root: () => ({ user: user('1'), sure: user('2') }),
    functions: { User: { isTypeOf: async ({ id }: { id: string }) => (id === '1' ? false : fail('no answer')) } },
  },
  ...Object.fromEntries(
    [undefined, null, 'Nothing', 'Role', 'Query', 7, {}].flatMap((name) => [
      [`the type ${String(name)}`, wrongType(() => name)],
      [`the awaited type ${String(name)}`, wrongType(() => later(name))],
    ]),
  ),
  'an object type in place of its name': wrongType((_value, _context, { schema }) => schema.getType('User')),
  'a failure to resolve a type': wrongType(() => fail('no type')),
  'an awaited failure to resolve a type': wrongType(() => failLater('no type')),
  'a subscription': { query: 'subscription { event { name } }', root: () => ({ event: user('1') }) },
  introspection: { query: getIntrospectionQuery() },
  'the type of a name': {
    query: '{ __type(name: "User") { kind fields { name } } none: __type(name: "X") { kind } __typename }',
  },
};

function wrongType(resolveType: (value: unknown, context: unknown, info: GraphQLResolveInfo) => unknown): Case {
  return { query: '{ node { id } }', root: () => ({ node: { id: 1 } }), functions: { Node: { resolveType } } };
}

it.each(Object.entries(cases))('returns what graphql returns for %s', async (_, one) => {
  const { query, functions = {}, variables, operation, text } = one;
  const args: ExecuteArgs = {
    schema: schemaWith(functions, text),
    document: parse(query),
    variableValues: variables,
    operationName: operation,
  };
  const expected = described(await outcomeOf(executeWithGraphql, args, one));
  expect(described(await outcomeOf(execute, args, one))).toEqual(expected);
  // The plan of the first execution serves the second one.
  expect(described(await outcomeOf(execute, args, one))).toEqual(expected);
});

it('passes the same arguments to resolvers as graphql', async () => {
  const seen: object[] = [];
  const look = (info: GraphQLResolveInfo) => {
    const { fieldName, fieldNodes, returnType, parentType, path, schema, fragments, rootValue, operation } = info;
    const { variableValues } = info;
    seen.push({ fieldName, fieldNodes, returnType, parentType, path, schema, rootValue, operation, variableValues });
    seen.push({ ...fragments });
  };
  const see = (_args: object, _context: object, info: GraphQLResolveInfo) => {
    look(info);
    return 'text';
  };
  const schema = schemaWith({
    User: { isTypeOf: (_value: object, _context: object, info: GraphQLResolveInfo) => look(info) ?? true },
    Node: { resolveType: (_value: object, _context: object, info: GraphQLResolveInfo) => look(info) ?? 'User' },
  });
  const document =
    parse(`query Look($first: Int! = 2) { text ...F rows: users { again: find(first: $first) } nodes { id } }
    fragment F on Query { other }`);
  const rootValue = { text: see, other: see, users: [{ find: see }, later({ find: see })], nodes: [{ id: see }] };
  await executeWithGraphql({ schema, document, rootValue });
  const expected = seen.splice(0);
  await execute({ schema, document, rootValue });
  expect(seen).toEqual(expected);
});

it('executes the fields of a mutation in sequence', async () => {
  const log: string[] = [];
  const field = (name: string, value: unknown) => async () => {
    log.push(`${name} begins`);
    await later(null);
    log.push(`${name} ends`);
    return value;
  };
  const rootValue = {
    third: field('third', { name: field('name', 'n'), id: field('id', '1') }),
    first: field('first', '1'),
    second: field('second', null),
  };
  const document = parse('mutation { third { name id } a: first b: second c: first }');
  const result = await execute({ schema: schemaWith({}), document, rootValue });
  expect(result.data).toBeNull();
  expect(result.errors?.map(({ path }) => path)).toEqual([['b']]);
  const order = ['third', 'name', 'id', 'first', 'second'];
  expect(log.filter((line) => line.endsWith('begins'))).toEqual(order.map((name) => `${name} begins`));
  expect(log.indexOf('first begins')).toBeGreaterThan(log.indexOf('id ends'));
});

it('executes a document with each combination of its conditions', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const document = parse(
    `query (${names.map((name) => `$${name}: Boolean!`).join()}) { user { ${names.map((name) => `${name}: id @include(if: $${name})`).join(' ')} } }`,
  );
  const args = { schema: schemaWith({}), document, rootValue: { user: user('1') } };
  for (let round = 0; round < 2; round += 1) {
    for (let bits = 0; bits < 2 ** names.length; bits += 1) {
      const given = names.map((name, index) => [name, (bits & (1 << index)) !== 0] as const);
      const result = await execute({ ...args, variableValues: Object.fromEntries(given) });
      const selected = given.filter(([, isIncluded]) => isIncluded).map(([name]) => [name, '1']);
      expect(readResult(result)).toEqual({ data: { user: Object.fromEntries(selected) } });
    }
  }
});

it('executes a document for another schema', async () => {
  const document = parse('{ text }');
  const shout = { Odd: { serialize: () => 'odd' } };
  const schemas = [schemaWith({}), schemaWith(shout, 'scalar Odd type Query { text: Odd }'), schemaWith({})];
  const results = await Promise.all(
    schemas.map((schema) => execute({ schema, document, rootValue: { text: 'even' } })),
  );
  expect(results.map(readResult)).toEqual([
    { data: { text: 'even' } },
    { data: { text: 'odd' } },
    { data: { text: 'even' } },
  ]);
});

it('does not wait for values below the null of an error', async () => {
  const never = new Promise(() => {});
  const boss = user('2', { name: failLater('failed'), friend: never });
  const rootValue = { text: later('t'), user: user('1', { friend: never, boss }), any: later({ ...boss, name: 'n' }) };
  const document = parse('{ text user { friend { id } boss { name friend { id } } } }');
  const result = await execute({ schema: schemaWith({}), document, rootValue });
  expect(readResult(result).data).toEqual({ text: 't', user: null });
  expect(result.errors?.map(({ message }) => message)).toEqual(['failed']);
});

it('does not wait for values below the null of an error that is known at once', async () => {
  const rootValue = { text: 't', user: user('1', { friend: new Promise(() => {}), boss: null }) };
  const document = parse('{ text user { friend { id } boss { id } } }');
  const result = await execute({ schema: schemaWith({}), document, rootValue });
  expect(readResult(result)).toMatchObject({ data: { text: 't', user: null } });
});

it('does not wait for earlier items of a list that becomes null', async () => {
  const rootValue = { text: 't', sureNumbers: [new Promise(() => {}), null] };
  const result = await execute({ schema: schemaWith({}), document: parse('{ text sureNumbers }'), rootValue });
  expect(readResult(result)).toMatchObject({ data: { text: 't', sureNumbers: null } });
});

it('neither resolves nor reports values below the null of an error', async () => {
  const called: string[] = [];
  const slow = (name: string, value: unknown) =>
    later(null)
      .then(() => later(null))
      .then(() => value ?? fail(name));
  const friend = { id: () => called.push('id') };
  const rootValue = {
    user: user('1', {
      boss: failLater('failed'),
      friend: slow('friend', friend),
      name: slow('name', null),
      tags: slow('tags', [failLater('tag')]),
    }),
    numbers: slow('numbers', [1, failLater('item'), 3]),
    sureUsers: [user('3', { name: null }), failLater('unread item')],
    text: slow('text', 'last'),
  };
  const document = parse('{ user { boss { id } friend { id } name tags } text numbers }');
  const result = await execute({ schema: schemaWith({}), document, rootValue });
  expect(readResult(result)).toMatchObject({
    data: { user: null, text: 'last', numbers: [1, null, 3] },
    errors: [{ message: 'failed' }, { message: 'item' }],
  });
  expect(called).toEqual([]);
  // An unhandled rejection fails the run.
  const unread = await execute({ schema: schemaWith({}), document: parse('{ sureUsers { name } }'), rootValue });
  expect(unread.data).toBeNull();
});
