import type { JobError } from '../../domain/job.ts';
import { asList, asRecord, isText, readCount, readId, readText } from './readers.ts';

type ErrorKey =
  | 'code'
  | 'errorCode'
  | 'msg'
  | 'message'
  | 'description'
  | 'errorDescription'
  | 'callStack'
  | 'recordCount';

/**
 * Errors of a job or a batch: its `errors` (a list, one error, or lists by status), which are objects or plain text,
 * and the reason in its metrics unless an error has the same text. Only the status shows how a job ended, because a job
 * that succeeded may have errors, and a job that failed may have none. Empty entries are omitted, such as `{}` for a
 * requested property without a value.
 */
export function decodeJobErrors(object: unknown): readonly JobError[] {
  const { errors: listed, metrics } = asRecord<'errors' | 'metrics'>(object) ?? {};
  const reason = asRecord<'failureReason'>(metrics)?.failureReason;
  // Most jobs have no errors.
  if (listed === undefined && reason === undefined) return [];
  const errors = errorsIn(listed).flatMap(decodeError);
  const reasons = errorsIn(reason).flatMap(decodeError);
  return [...errors, ...reasons.filter((reason) => !errors.some(({ message }) => message === reason.message))];
}

/** The errors in a list, a single error, or a map from status to lists. */
function errorsIn(value: unknown): readonly unknown[] {
  const lists = Object.values(asRecord(value) ?? {});
  return lists.length > 0 && lists.every(Array.isArray) ? lists.flat() : asList(value);
}

function decodeError(value: unknown): JobError | JobError[] {
  if (isText(value)) return plain(value);
  const error = asRecord<ErrorKey>(value);
  const code = readId(error?.code) ?? readId(error?.errorCode);
  const texts = [error?.msg, error?.message, error?.description, error?.errorDescription];
  const message = texts.find(isText) ?? null;
  const callStack = readText(error?.callStack);
  const recordCount = readCount(error?.recordCount);
  if (code === null && message === null && callStack === null && recordCount === null) return [];
  return { code: code ?? '', message: message ?? '', callStack, recordCount };
}

const plain = (message: string): JobError => ({ code: '', message, callStack: null, recordCount: null });
