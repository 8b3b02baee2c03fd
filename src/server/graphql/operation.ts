import { type DocumentNode, type ExecutionResult, type GraphQLError, Kind } from 'graphql';
import type { GatewayContext } from '../../context/context.ts';
import type { CreateContext, OperationRequest } from '../../context/create-context.ts';
import type { OperationRecord } from '../../observation/operation-record.ts';
import type { RequestLog } from '../../runtime/request-log.ts';
import type { FindDocument } from './documents.ts';
import { endRecord, errorCodesOf } from './end-record.ts';
import { type MaskError, publicError } from './error-mask.ts';
import type { Outcome, Pipeline, ReadyOperation } from './pipeline-types.ts';
import type { PreparedDocuments } from './prepared-documents.ts';
import { requestError } from './request-error.ts';
import { tracedOperation } from './traced-operation.ts';

/** A GraphQL request of any transport. */
export interface OperationParams {
  readonly query?: string | null | undefined;
  /** Id of a persisted document. */
  readonly documentId?: string | null | undefined;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | null | undefined;
}

export interface OperationDeps {
  readonly documents: PreparedDocuments;
  readonly pipeline: Pick<Pipeline, 'execute' | 'subscribe'>;
  readonly createContext: CreateContext;
  readonly findDocument: FindDocument;
  readonly maskError: MaskError;
}

/** An operation that is ready, or the errors of its request. */
type Opened = ReadyOperation | readonly GraphQLError[];

/**
 * Prepares an operation for its execution, the same way for every transport: finds its document, parses it, determines
 * the operation and validates it. The caller is already authenticated.
 * @returns the operation for `runOperation`, or the errors of the request as clients receive them; a promise of them if
 *   the rights of the caller must be checked first. It never rejects.
 */
export function openOperation(
  { documents, createContext, findDocument, maskError }: OperationDeps,
  params: OperationParams,
  request: OperationRequest,
): Opened | Promise<Opened> {
  const { record } = request;
  record.leaving = request.signal;
  record.trace = request.trace;
  try {
    const contextValue = createContext(request);
    const prepared = documents.prepare(findDocument(params));
    const { schema, document } = prepared;
    // Some clients send an empty name for an anonymous operation.
    const operationName = params.operationName || null;
    const operation = prepared.operation(operationName) ?? noOperation(document, operationName);
    record.begin(operation);
    const errors = prepared.validate();
    if (errors.length > 0) {
      return shownTo(contextValue, errors, hiddenErrors).then(
        (shown) => rejected(record, shown),
        (error: unknown) => rejected(record, [maskError(error, record)]),
      );
    }
    const args: ReadyOperation = {
      schema,
      document,
      operationName,
      kind: operation.type,
      variableValues: params.variables ?? null,
      contextValue,
      record,
    };
    if (!prepared.selectsIntrospection) return args;
    return contextValue.assertReader().then(
      () => args,
      (error: unknown) => rejected(record, [maskError(error, record)]),
    );
  } catch (error) {
    return rejected(record, [maskError(error, record)]);
  }
}

/** Ends the record of an operation that is not executed. */
function rejected(record: OperationRecord, errors: readonly GraphQLError[]): readonly GraphQLError[] {
  endRecord(record, { errors });
  return errors;
}

/** @throws {GraphQLError} `OPERATION_RESOLUTION_FAILURE` */
function noOperation(document: DocumentNode, name: string | null): never {
  const count = document.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION).length;
  throw requestError('OPERATION_RESOLUTION_FAILURE', messageFor(name, count));
}

function messageFor(name: string | null, count: number): string {
  if (name !== null) return `Unknown operation named ${JSON.stringify(name)}.`;
  if (count === 0) return 'The document has no operation.';
  return 'Specify operationName, because the document has several operations.';
}

/** Messages of validation describe the schema, so that only callers who may read receive them. */
const hiddenErrors = () =>
  requestError(
    'GRAPHQL_VALIDATION_FAILED',
    'The document is not valid. Only callers with read access receive details.',
  );

/**
 * The errors for a caller who may read, and `hidden` for others.
 * @throws {GatewayError} the platform has not accepted the caller's own credential
 */
async function shownTo(
  context: GatewayContext,
  errors: readonly GraphQLError[],
  hidden: () => GraphQLError,
): Promise<readonly GraphQLError[]> {
  if (!context.canRead) return [hidden()];
  await context.assertReader();
  return errors;
}

type Executing = Pick<OperationDeps, 'pipeline' | 'maskError'>;

/**
 * Executes an operation, with a span if its request is traced. The span of a subscription ends when it has started.
 * Failures before its first field are returned as a result too.
 * @returns a promise if a value is awaited. It never rejects.
 */
export function runOperation(deps: Executing, args: ReadyOperation): Outcome | Promise<Outcome> {
  const { contextValue, document, operationName, kind, record } = args;
  const span = contextValue.trace?.startOperation(() => tracedOperation(document, operationName, kind)) ?? null;
  if (span === null) return run(deps, args);
  record.trace = span;
  const ended = (outcome: Outcome): Outcome => {
    span.end(errorCodesOf(record, outcome)[0] ?? null);
    return outcome;
  };
  const outcome = run(deps, { ...args, contextValue: contextValue.withTrace(span) });
  return outcome instanceof Promise ? outcome.then(ended) : ended(outcome);
}

/** The code of a result's first error; null if it has no errors. */
export function errorTypeOf(errors: ExecutionResult['errors']): string | null {
  const [first] = errors ?? [];
  return first === undefined ? null : String(first.extensions['code'] ?? 'UNKNOWN');
}

/** Executes an operation, and ends its record. */
function run({ pipeline, maskError }: Executing, args: ReadyOperation): Outcome | Promise<Outcome> {
  const { record } = args;
  const failed = (error: unknown): Outcome => {
    const errors = [maskError(error, record)];
    endRecord(record, { errors });
    return { errors };
  };
  const ended = (outcome: Outcome): Outcome | Promise<Outcome> => {
    if (!isRejection(outcome)) {
      endRecord(record, outcome);
      return outcome;
    }
    const errors = outcome.errors.map(rejection);
    endRecord(record, { errors });
    if (!errors.some(describesInput)) return { errors };
    return shownTo(args.contextValue, errors, hiddenInput).then((shown) => ({ errors: shown }), failed);
  };
  try {
    const outcome = args.kind === 'subscription' ? pipeline.subscribe(args) : pipeline.execute(args);
    return outcome instanceof Promise ? outcome.then(ended, failed) : ended(outcome);
  } catch (error) {
    return failed(error);
  }
}

/** Result of an operation that was rejected before its execution. */
export interface Rejection {
  readonly errors: readonly GraphQLError[];
}

/** Whether an operation was rejected before its execution. The failure of a field has a path. */
export const isRejection = (result: Outcome): result is Rejection =>
  'errors' in result && !('data' in result) && result.errors?.every(({ path }) => path === undefined) === true;

/** graphql gives its own errors no code: at this point they concern the values of variables. */
const rejection = (error: GraphQLError): GraphQLError =>
  error.extensions['code'] === undefined ? requestError('BAD_USER_INPUT', error.message, { at: error }) : error;

/** Messages about the values of variables contain the types and fields of the input. */
const describesInput = ({ extensions }: GraphQLError): boolean => extensions['code'] === 'BAD_USER_INPUT';

const hiddenInput = () =>
  requestError('BAD_USER_INPUT', 'The variables are not valid. Only callers with read access receive details.');

/**
 * The results of a subscription, with its failure as the last result. Unlike a generator, it also ends the subscription
 * when it is returned before its first result is requested.
 */
export function resultsUntilFailure(
  results: AsyncIterable<ExecutionResult>,
  maskError: MaskError,
  log: RequestLog,
): AsyncIterableIterator<ExecutionResult, undefined> {
  const iterator = results[Symbol.asyncIterator]();
  const end: IteratorReturnResult<undefined> = { done: true, value: undefined };
  let failed = false;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: async () => {
      if (failed) return end;
      try {
        const { done, value } = await iterator.next();
        return done === true ? end : { done: false, value };
      } catch (error) {
        failed = true;
        return { done: false, value: { errors: [publicError(maskError(error, log))] } };
      }
    },
    return: async () => {
      await iterator.return?.();
      return end;
    },
  };
}
