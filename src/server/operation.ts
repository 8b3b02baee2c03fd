import {
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  type OperationTypeNode,
} from 'graphql';
import type { OperationRequest } from '../context/create-context.ts';
import type { DirectResults } from './direct-results.ts';
import type { FindDocument } from './documents.ts';
import { type MaskError, publicError } from './graphql-error.ts';
import type { Yoga } from './yoga.ts';

/** What a client asks to have executed, over a transport where an operation is not an HTTP request of its own. */
export interface OperationParams {
  readonly query?: string | null | undefined;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | null | undefined;
}

export interface OperationDeps {
  readonly yoga: Pick<Yoga, 'getEnveloped'>;
  readonly findDocument: FindDocument;
  readonly maskError: MaskError;
}

/** An operation of a caller who was let in. */
export interface Operation {
  readonly principal: string;
  /** Finds, parses and validates its document. @returns what is wrong with it, or what `runOperation` wants */
  prepare(): PipelineArgs | readonly GraphQLError[];
}

/** An operation that can be executed, by the pipeline's own functions. */
export interface PipelineArgs extends ExecutionArgs {
  /** Null: the document has no operation of that name, or several and none is named. */
  readonly kind: `${OperationTypeNode}` | null;
  readonly execute: (args: ExecutionArgs) => unknown;
  readonly subscribe: (args: ExecutionArgs) => unknown;
}

/**
 * Lets an operation into the pipeline, the same as over HTTP.
 * @param direct where the transport looks for the results of a subscription
 * @throws {GraphQLError} its caller is not let in; as the caller may be told it, with the HTTP status in `extensions.http`
 */
export async function openOperation(
  { yoga, findDocument, maskError }: OperationDeps,
  params: OperationParams,
  request: OperationRequest,
  direct?: DirectResults,
): Promise<Operation> {
  try {
    const pipeline = yoga.getEnveloped({ operation: request, direct });
    const contextValue = await pipeline.contextFactory();
    const prepare = (): PipelineArgs | readonly GraphQLError[] => {
      try {
        const document = pipeline.parse(findDocument(params) ?? '');
        const schema: GraphQLSchema = pipeline.schema;
        const errors = pipeline.validate(schema, document);
        if (errors.length > 0) return errors.map(publicError);
        const operationName = params.operationName ?? null;
        return {
          schema,
          document,
          operationName,
          kind: getOperationAST(document, operationName)?.operation ?? null,
          variableValues: params.variables ?? null,
          contextValue,
          execute: pipeline.execute,
          subscribe: pipeline.subscribe,
        };
      } catch (error) {
        return [publicError(maskError(error))];
      }
    };
    return { principal: contextValue.principal, prepare };
  } catch (error) {
    throw maskError(error);
  }
}

/** Executes an operation. What the pipeline throws before it executes anything is the answer, too. */
export async function runOperation(
  args: PipelineArgs,
  maskError: MaskError,
): Promise<ExecutionResult | AsyncIterable<ExecutionResult>> {
  try {
    const pipeline = args.kind === 'subscription' ? args.subscribe : args.execute;
    // Envelop says of neither function what it answers. It is what graphql's own function of that name does.
    return (await pipeline(args)) as ExecutionResult | AsyncIterable<ExecutionResult>;
  } catch (error) {
    return { errors: [publicError(maskError(error))] };
  }
}
