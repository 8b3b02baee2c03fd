import {
  type DocumentNode,
  type GraphQLSchema,
  getOperationAST,
  Lexer,
  parse,
  Source,
  syntaxError,
  type Token,
  TokenKind,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { type InputIssue, InvalidInputError } from '../../errors.ts';
import { measureOperation, type OperationCost, UnmeasurableError } from '../operation-cost.ts';

/** What one operation may be at most. */
export interface OperationLimits {
  /** Words and signs of the document, all its operations and fragments together. */
  readonly maxTokens: number;
  readonly maxDepth: number;
  readonly maxAliases: number;
  readonly maxDirectives: number;
  /** Calls to the platform that answering may take. */
  readonly maxUpstreamCalls: number;
}

/** The arguments of an execution, of which only these count here. */
interface Execution {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operationName?: string | null | undefined;
  readonly variableValues?: Readonly<Record<string, unknown>> | null | undefined;
}

/**
 * Refuses operations that ask for too much, before anything of them is executed: the length of the document while it is
 * parsed, everything else when its variables are known. Part of the pipeline, so it holds over every transport.
 */
export function useOperationLimits(limits: OperationLimits): Plugin {
  const parseBounded = (source: Parameters<typeof parse>[0], options?: Parameters<typeof parse>[1]) =>
    parse(source, { ...options, maxTokens: limits.maxTokens, lexer: new BoundedLexer(source) });
  const check = ({ schema, document, operationName, variableValues }: Execution): void => {
    const operation = getOperationAST(document, operationName);
    // Whoever executes it says that there is none.
    if (operation === null || operation === undefined) return;
    refuse(issuesOf(() => measureOperation(schema, document, operation, variableValues ?? {}), limits));
  };
  return {
    onParse: ({ setParseFn }) => setParseFn(parseBounded),
    onExecute: ({ args }) => check(args),
    onSubscribe: ({ args }) => check(args),
  };
}

/**
 * Brackets in each other that a document may have, whatever they are for. Beyond every operation within the limits, and
 * before the recursion of whoever parses and checks the document is too deep.
 */
const maxNesting = 500;
const openings: ReadonlySet<TokenKind> = new Set([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L]);
const closings: ReadonlySet<TokenKind> = new Set([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R]);

class BoundedLexer extends Lexer {
  #nesting = 0;

  constructor(source: string | Source) {
    super(typeof source === 'string' ? new Source(source) : source);
  }

  override advance(): Token {
    const token = super.advance();
    if (openings.has(token.kind)) this.#nesting += 1;
    else if (closings.has(token.kind)) this.#nesting -= 1;
    if (this.#nesting <= maxNesting) return token;
    throw syntaxError(this.source, token.start, `Document has more than ${maxNesting} brackets in each other.`);
  }
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
    ['fields in each other', cost.depth, limits.maxDepth],
    ['aliases', cost.aliases, limits.maxAliases],
    ['directives', cost.directives, limits.maxDirectives],
    ['calls to the platform', cost.upstreamCalls, limits.maxUpstreamCalls],
  ];
  return rows
    .filter(([, found, most]) => found > most)
    .map(([what, found, most]) => ({ path: 'query', message: `asks for ${found} ${what}, and may for ${most}` }));
}

function refuse(issues: readonly InputIssue[]): void {
  if (issues.length > 0) throw new InvalidInputError(issues);
}
