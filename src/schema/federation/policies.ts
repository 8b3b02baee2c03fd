import { MapperKind, mapSchema } from '@graphql-tools/utils';
import {
  type GraphQLFieldConfig,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isListType,
  isObjectType,
  parse,
} from 'graphql';
import { scopeNames } from '../../domain/scopes.ts';
import { type Access, accessOf } from '../common/access.ts';
import { federationLink } from './directives.ts';
import { printSubgraph } from './sdl.ts';

/** Directives of a field, by name, with their arguments. */
type Directives = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
type Field = Pick<GraphQLFieldConfig<unknown, unknown>, 'type' | 'args' | 'extensions'>;

/** The version of the specification that has all these directives. */
const specification = 'https://specs.apollo.dev/federation/v2.9';
const imported = ['@authenticated', '@requiresScopes', '@cost', '@listSize'];

/** Definitions of the directives with which routers check scopes and costs. */
const policyDefinitions = parse(`
"Only for authenticated callers."
directive @authenticated on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM

"Only for callers with all scopes of one of the lists."
directive @requiresScopes(scopes: [[federation__Scope!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM

"Cost of one value of the field; 100 is one call to the platform."
directive @cost(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR

"Expected length of a list."
directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION

"Name of a scope in the tokens of callers."
scalar federation__Scope
`).definitions;

/** Cost of one call to the platform. */
const callCost = 100;
/** Cost of a field whose call is shared by a hundred parents. */
const sharedCallCost = 1;
/** Entries of a connection if an operation omits `first`. */
const defaultPageSize = 20;

/** The SDL for routers that verify the tokens of callers: the content of schema/policies.graphql. */
export const printPolicies = (schema: GraphQLSchema): string => printSubgraph(withPolicies(schema), policyDefinitions);

/**
 * The schema with the directives by which a router checks the scopes of a caller and the cost of an operation. They follow
 * from the rules and limits of each field, in its extensions.
 */
function withPolicies(schema: GraphQLSchema): GraphQLSchema {
  const kinds = new Map([
    [schema.getQueryType()?.name, 'Query'],
    [schema.getMutationType()?.name, 'Mutation'],
    [schema.getSubscriptionType()?.name, 'Subscription'],
  ]);
  const mapped = mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field, _name, parent) => {
      const present: unknown = field.extensions?.['directives'];
      const directives = { ...Object(present), ...policiesOf(kinds.get(parent) ?? parent, field) };
      return { ...field, extensions: { ...field.extensions, directives } };
    },
  });
  const [link] = federationLink.directives.link;
  mapped.extensions = {
    ...mapped.extensions,
    directives: { link: [{ url: specification, import: [...(link?.import ?? []), ...imported] }] },
  };
  return mapped;
}

/** @param kind name of the root type that has the field, or of another parent */
const policiesOf = (kind: string, field: Field): Directives => ({
  ...accessPolicy(accessOf(kind, field.extensions ?? undefined)),
  ...costPolicy(field),
  ...sizePolicy(field),
});

function accessPolicy(access: Access | null): Directives {
  switch (access) {
    case null:
      return {};
    case 'authenticated':
      return { authenticated: {} };
    case 'read':
    case 'write':
    case 'data':
      return { requiresScopes: { scopes: [[scopeNames[access]]] } };
  }
}

function costPolicy({ extensions }: Field): Directives {
  const { upstreamCalls, opensEntries, entries } = { ...extensions };
  const calls = opensEntries === true && typeof entries === 'number' ? 1 + entries : 1;
  if (upstreamCalls === 'each') return { cost: { weight: callCost * calls } };
  return upstreamCalls === 'batched' ? { cost: { weight: sharedCallCost } } : {};
}

/** The expected length of a list, which `first` sets if the field has it. */
function sizePolicy({ type, args, extensions }: Field): Directives {
  const { entries } = { ...extensions };
  const named = getNamedType(type);
  const sizedFields = isObjectType(named) && args?.['first'] !== undefined ? listsOf(named.getFields()) : [];
  if (sizedFields.length > 0) {
    const assumedSize = typeof entries === 'number' ? entries : defaultPageSize;
    return { listSize: { assumedSize, slicingArguments: ['first'], sizedFields, requireOneSlicingArgument: false } };
  }
  const isList = isListType(getNullableType(type));
  return isList && typeof entries === 'number' ? { listSize: { assumedSize: entries } } : {};
}

const listsOf = (fields: Readonly<Record<string, { readonly type: Field['type'] }>>): readonly string[] =>
  ['edges', 'nodes'].filter((name) => fields[name] !== undefined);
