import type { DocumentNode, ExecutionArgs, GraphQLError, GraphQLSchema, OperationTypeNode } from 'graphql';
import type { GatewayContext } from '../../context/context.ts';
import type { DirectResults } from '../sharing/subscription-handoff.ts';

/** The pipeline that all transports share. */
export interface Pipeline {
  readonly schema: GraphQLSchema;
  /** @throws {GraphQLError} the text is no document, or is above a limit */
  readonly parse: (text: string) => DocumentNode;
  readonly validate: (schema: GraphQLSchema, document: DocumentNode) => readonly GraphQLError[];
  /** Executes a query or a mutation. */
  readonly execute: RunOperation;
  readonly subscribe: RunOperation;
}

/** Envelop types the result of neither function. It is that of graphql's own function of the same name. */
type RunOperation = (args: PipelineArgs) => unknown;

/** An operation that can be executed, by the pipeline's own functions. */
export interface PipelineArgs extends ExecutionArgs {
  readonly kind: `${OperationTypeNode}`;
  readonly contextValue: GatewayContext;
  /**
   * Hands the results of a subscription to the transport. Undefined if the transport receives them from the pipeline.
   */
  readonly direct: DirectResults | undefined;
  readonly run: (args: PipelineArgs) => unknown;
}
