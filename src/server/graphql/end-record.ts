import type { ExecutionResult } from 'graphql';
import type { OperationOutcome } from '../../metrics/operations.ts';
import type { OperationRecord } from '../../observation/operation-record.ts';
import { type ErrorCode, errorCodeOf, isFailure } from './error-codes.ts';
import type { Outcome } from './pipeline-types.ts';

/** Ends the record of an operation with its result, or as left if its client has gone. */
export function endRecord(record: OperationRecord, result: Outcome): void {
  if (record.leaving?.aborted === true) {
    record.end('left');
    return;
  }
  const codes = errorCodesOf(record, result);
  record.end(codes.length === 0 ? 'ok' : outcomeOf(hasData(record, result), codes.some(isFailure)), codes);
}

/** The different codes of the errors of an operation. A mutation can return an error as data. */
export function errorCodesOf({ mutations }: Pick<OperationRecord, 'mutations'>, result: Outcome): readonly ErrorCode[] {
  const errors = 'errors' in result ? (result.errors ?? []) : [];
  return [...new Set([...errors.map(errorCodeOf), ...mutations.filter((code) => code !== null)])];
}

function hasData({ mutations }: OperationRecord, result: Outcome): boolean {
  if (mutations.length > 0) return mutations.includes(null);
  const data: ExecutionResult['data'] = 'data' in result ? result.data : null;
  return Object.values(data ?? {}).some((value) => value !== null);
}

function outcomeOf(isPartial: boolean, hasFailed: boolean): OperationOutcome {
  if (isPartial) return 'partial';
  return hasFailed ? 'failed' : 'rejected';
}
