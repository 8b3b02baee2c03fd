import { asRecord, isText, readId, readInteger, type WireRecord } from './readers.ts';

/** An error that stands in the place of something within a response with a 2xx status, or in the place of all of it. */
export interface EntryError {
  /** The HTTP status that it names; null when it names none. */
  readonly status: number | null;
  /** In any of the shapes that the body of an error answer may have. */
  readonly error: unknown;
}

/** Names that occur in error bodies. A record with any other name is something else. */
const errorKeys = [
  'type',
  'title',
  'detail',
  'details',
  'status',
  'statusCode',
  'code',
  'message',
  'messages',
  'cause',
  'reason',
  'description',
  'error',
  'errors',
  '_errors',
  'error_code',
  'errorCode',
  'errorMessage',
  'errorDescription',
  'error_description',
  'error_uri',
  'fault',
  'faultstring',
  'report',
  'error-chain',
  'errorChain',
  'requestId',
  'request_id',
  'retryAfterMs',
  'timestamp',
  'path',
  'instance',
] as const;
type ErrorKey = (typeof errorKeys)[number];
const isErrorKey: ReadonlySet<string> = new Set(errorKeys);

/** Texts and codes, one of which an error contains. */
const reasonKeys = [
  'title',
  'detail',
  'message',
  'errorMessage',
  'errorDescription',
  'error_description',
  'error_code',
  'errorCode',
  'faultstring',
  'code',
] as const satisfies readonly ErrorKey[];
/** Names under which an error has texts, lists of errors, or another error. */
const nestedKeys = ['error', 'errors', '_errors', 'messages', 'fault'] as const satisfies readonly ErrorKey[];
/** How deep errors are searched for a reason. */
const maxDepth = 3;

/**
 * The error in the place of an entity: a status of HTTP, `errors` keyed by status, a code of the API gateway, or a nested
 * `error`. An entity may have a list of errors and a status in words, which are its own. Null when the value is no error.
 */
export function readEntryError(value: unknown): EntryError | null {
  const named = readNamedError(value);
  if (named !== null) return named;
  // Of an error in no known form. An entity has other properties.
  const entry = asRecord<ErrorKey>(value);
  const isError = entry !== null && asRecord(entry.errors) !== null && hasErrorKeysOnly(entry);
  return isError ? { status: null, error: entry } : null;
}

const hasErrorKeysOnly = (record: object): boolean => Object.keys(record).every((key) => isErrorKey.has(key));

function readNamedError(value: unknown): EntryError | null {
  const entry = asRecord<ErrorKey>(value);
  if (entry === null) return null;
  const nested = asRecord<ErrorKey>(entry.error);
  const status = statusOf(entry);
  if (nested !== null && (status !== null || statusOf(nested) !== null || hasOwnReason(nested))) {
    return { status: statusOf(nested) ?? status, error: nested };
  }
  const isError = status !== null || hasErrors(entry) || readId(entry.error_code) !== null;
  return isError ? { status, error: entry } : null;
}

/**
 * The error in the place of a whole response, in any of the shapes of error bodies. Null when the value is something else.
 *
 * Responses of reads and creates are entities, lists, or maps from id to entity. A record that consists of names of
 * errors only, and contains a reason as text, is none of these: an entity has other properties, and the members of a map
 * are records, whatever their ids are. Responses of updates and deletes may be messages about the success, so that only
 * an error with a status, a code of the API gateway or a nested `error` counts.
 * @param isMessage whether a success may be a message
 */
export function readBodyError(value: unknown, { isMessage }: { readonly isMessage: boolean }): EntryError | null {
  if (!Array.isArray(value)) return readRecordError(value, isMessage);
  const readOne = (each: unknown) => (isAboutOne(each) ? null : readRecordError(each, isMessage));
  const first = readOne(value[0]);
  return first !== null && value.every((each) => readOne(each) !== null) ? first : null;
}

function readRecordError(value: unknown, isMessage: boolean): EntryError | null {
  const named = readNamedError(value);
  if (named !== null) return named;
  const body = asRecord<ErrorKey>(value);
  if (body === null || isMessage) return null;
  const isError = hasErrorKeysOnly(body) && hasReason(body, 1);
  return isError ? { status: readStatus(body.code), error: body } : null;
}

/** Whether an entry of a list names what it is about. The error within it is then an error about that alone. */
function isAboutOne(value: unknown): boolean {
  const entry = asRecord<'id' | 'xid' | 'entityId' | 'requestedIdentity'>(value) ?? {};
  return (entry.id ?? entry.xid ?? entry.entityId ?? entry.requestedIdentity ?? null) !== null;
}

/**
 * Whether a record contains a reason itself. A batch that was requested with few properties may have no other names than
 * an error, but its status is a word.
 */
const hasOwnReason = (record: WireRecord<ErrorKey>): boolean =>
  reasonKeys.some((key) => readId(record[key]) !== null) && !hasStatusInWords(record);

/** The same, of a record or of what is nested in it. */
const hasReason = (record: WireRecord<ErrorKey>, depth: number): boolean =>
  hasOwnReason(record) ||
  (!hasStatusInWords(record) && nestedKeys.some((key) => record[key] !== undefined && isReason(record[key], depth)));

function isReason(value: unknown, depth: number): boolean {
  if (isText(value)) return true;
  if (depth === maxDepth) return false;
  if (Array.isArray(value)) return value.length > 0 && value.every((each: unknown) => isReason(each, depth + 1));
  const record = asRecord<ErrorKey>(value);
  return record !== null && hasReason(record, depth + 1);
}

const hasStatusInWords = ({ status }: WireRecord<ErrorKey>): boolean =>
  status !== undefined && readInteger(status) === null;

/** Whether `errors` is a map from status to errors, or one error. A list belongs to an entity. */
function hasErrors({ errors }: WireRecord<ErrorKey>): boolean {
  const record = asRecord<ErrorKey>(errors);
  if (record === null) return false;
  const keys = Object.keys(record);
  return (keys.length > 0 && keys.every((key) => readStatus(key) !== null)) || hasOwnReason(record);
}

const minStatus = 300;
const maxStatus = 599;

function readStatus(value: unknown): number | null {
  const number = readInteger(value);
  return number !== null && number >= minStatus && number <= maxStatus ? number : null;
}

/** The status that a record names; `errors` names it by its keys, or by a status of its own. */
function statusOf({ errors, status, statusCode }: WireRecord<ErrorKey>): number | null {
  const byStatus = asRecord<'status'>(errors);
  const named = [...Object.keys(byStatus ?? {}), byStatus?.status, statusCode, status];
  for (const candidate of named) {
    const number = readStatus(candidate);
    if (number !== null) return number;
  }
  return null;
}
