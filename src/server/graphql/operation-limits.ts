import { type DocumentNode, type GraphQLSchema, getOperationAST, type OperationDefinitionNode } from 'graphql';
import type { InputIssue } from '../../errors.ts';
import { selectsIntrospection } from './introspection.ts';
import {
  maxIntrospectionCharacters,
  measureOperation,
  type OperationCost,
  UnmeasurableError,
} from './operation-cost.ts';
import { limitError } from './request-error.ts';

/** Limits of one operation. */
export interface OperationLimits {
  /** Maximum number of tokens of the document, including all its operations and fragments. */
  readonly maxTokens: number;
  readonly maxDepth: number;
  readonly maxAliases: number;
  readonly maxDirectives: number;
  /** Maximum number of calls to the platform of the execution. */
  readonly maxUpstreamCalls: number;
}

/** Arguments of an execution that the limits depend on. */
interface Execution {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operationName?: string | null | undefined;
  readonly variableValues?: Readonly<Record<string, unknown>> | null | undefined;
}

/** @throws {GraphQLError} `INVALID_INPUT`: the operation is above a limit */
export type CheckOperation = (execution: Execution) => void;

/** Creates the check of an operation with its variables against all limits except the number of tokens. */
export function createOperationCheck(limits: OperationLimits): CheckOperation {
  /** Sizes of variables with which an operation is within the limits. */
  const knownSizes = new WeakMap<OperationDefinitionNode, Set<string>>();
  return ({ schema, document, operationName, variableValues }) => {
    const operation = getOperationAST(document, operationName);
    // `openOperation` has already rejected a request whose operation cannot be determined.
    if (operation === null || operation === undefined) return;
    const variables = variableValues ?? {};
    const known = knownSizes.get(operation) ?? new Set();
    knownSizes.set(operation, known);
    const sizes = sizesOf(operation, variables);
    if (known.has(sizes)) return;
    const issues = issuesOf(() => measureOperation(schema, document, operation, variables), limits);
    if (issues.length > 0) throw limitError(issues);
    // The size of a description of the schema depends on more than the sizes of variables.
    if (known.size < maxKnownSizes && !selectsIntrospection(document)) known.add(sizes);
  };
}

/** Maximum number of kept sizes of variables per operation. */
const maxKnownSizes = 64;

/** The parts of variables that determine the cost of an operation: numbers, and the lengths of lists. */
function sizesOf(
  { variableDefinitions = [] }: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): string {
  let sizes = '';
  for (const { variable } of variableDefinitions) {
    const value = variables[variable.name.value];
    if (typeof value === 'number') sizes += `${value},`;
    else if (Array.isArray(value)) sizes += `[${value.length},`;
    // An absent variable has its default value, which others do not have.
    else sizes += value === undefined ? '-,' : ',';
  }
  return sizes;
}

function issuesOf(measure: () => OperationCost, limits: OperationLimits): readonly InputIssue[] {
  let cost: OperationCost;
  try {
    cost = measure();
  } catch (error) {
    if (error instanceof UnmeasurableError) return [{ path: 'query', message: 'has too many selections' }];
    throw error;
  }
  const rows: readonly (readonly [what: string, found: number, most: number])[] = [
    ['query depth', cost.depth, limits.maxDepth],
    ['number of aliases', cost.aliases, limits.maxAliases],
    ['number of directives', cost.directives, limits.maxDirectives],
    ['number of platform calls', cost.upstreamCalls, limits.maxUpstreamCalls],
    ['size of the introspection result', cost.introspectionCharacters, maxIntrospectionCharacters],
  ];
  return rows
    .filter(([, found, most]) => found > most)
    .map(([what, found, most]) => ({ path: 'query', message: `${what} ${found} exceeds the limit of ${most}` }));
}
