import type {
  DocumentNode,
  ExecutionArgs,
  ExecutionResult,
  GraphQLError,
  GraphQLSchema,
  OperationTypeNode,
} from 'graphql';
import type { GatewayContext } from '../../context/context.ts';
import type { OperationRecord } from '../../observation/operation-record.ts';

/** The pipeline that all transports share. */
export interface Pipeline {
  readonly schema: GraphQLSchema;
  /** @throws {GraphQLError} the text is no document, or is above a limit */
  readonly parse: (text: string) => DocumentNode;
  readonly validate: (schema: GraphQLSchema, document: DocumentNode) => readonly GraphQLError[];
  /** Executes a query or a mutation. */
  readonly execute: (args: OperationArgs) => ExecutionResult | Promise<ExecutionResult>;
  readonly subscribe: Subscribe;
}

/** Starts a subscription. The result is its results, or the errors for which it has not started. */
export type Subscribe = (args: OperationArgs) => Promise<Outcome>;

/** Result of a query or mutation, the results of a subscription, or the errors of either. */
export type Outcome = ExecutionResult | AsyncIterable<ExecutionResult>;

/** An operation of a valid document. */
export interface OperationArgs extends ExecutionArgs {
  readonly contextValue: GatewayContext;
}

/** An operation that can be executed. */
export interface ReadyOperation extends OperationArgs {
  readonly kind: `${OperationTypeNode}`;
  /** Ended when the operation is executed, or a subscription has started. */
  readonly record: OperationRecord;
}
