import { asRecord, isText, readBoolean, readId, readInteger, readText, type WireRecord } from './readers.ts';

/** An error instead of an entity in a response with a 2xx status, or instead of the whole response. */
export interface EntryError {
  /** The HTTP status that the error names; null if it names none. */
  readonly status: number | null;
  /** The error, in any shape of the body of an error response. */
  readonly error: unknown;
}

/** Names that occur in error bodies. A record with any other name is not an error. */
const errorKeys = [
  'type',
  'title',
  'detail',
  'details',
  'success',
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

/** Texts and codes. An error contains one of them. */
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
/** Names that do not occur in messages about a success. */
const deniedTexts = ['error', 'errorMessage', 'errorDescription', 'error_description', 'faultstring'] as const;
const deniedParts = ['errors', '_errors', 'fault'] as const;
/** Maximum depth to which errors are searched for a reason. */
const maxDepth = 3;

/** Names of ids. Both errors and entities have them. */
const subjectKeys = ['id', 'xid', 'entityId', 'requestedIdentity'] as const;
type SubjectKey = (typeof subjectKeys)[number];
const isSubjectKey: ReadonlySet<string> = new Set(subjectKeys);

/**
 * The error that a response contains instead of an entity. An HTTP status, a code of the API gateway or `success: false`
 * always shows an error. Other names of errors show one only if the record has no other properties. An entity has other
 * properties, and may have its own errors and a status in words. Null if the value is no error.
 */
export function readEntryError(value: unknown): EntryError | null {
  const named = readNamedError(value);
  if (named !== null) return named;
  // The form of the error is not known.
  const entry = asRecord<ErrorKey>(value);
  if (entry === null || hasStatusInWords(entry) || !hasErrorKeysOnly(entry)) return null;
  const isError = hasOwnReason(entry) || asRecord(entry.error) !== null || asRecord(entry.errors) !== null;
  return isError ? { status: readStatus(entry.code), error: entry } : null;
}

function readNamedError(value: unknown): EntryError | null {
  const entry = asRecord<ErrorKey | 'id'>(value);
  if (entry === null) return null;
  const nested = asRecord<ErrorKey>(entry.error);
  if (isRefusal(entry)) return { status: statusOf(entry), error: entry };
  const status = ownStatusOf(entry);
  if (status === null && readId(entry.error_code) === null && !isOnlyError(entry)) return null;
  // An entity with an id may have its own error.
  const isOwn = nested !== null && hasStatusInWords(nested) && readId(entry.id) !== null;
  if (nested !== null && (status !== null || statusOf(nested) !== null || (hasReason(nested, 1) && !isOwn))) {
    return { status: statusOf(nested) ?? statusOf(entry) ?? readStatus(nested.code), error: nested };
  }
  const isError =
    statusOf(entry) !== null || hasErrors(entry) || isText(entry.error) || readId(entry.error_code) !== null;
  return isError ? { status: statusOf(entry), error: entry } : null;
}

/** Whether a record states a failure. The message about a cancelled job has `status: true`. */
const isRefusal = ({ status, success }: WireRecord<ErrorKey>): boolean =>
  readBoolean(status) === false || readBoolean(success) === false;

const hasErrorKeysOnly = (record: object): boolean => Object.keys(record).every((key) => isErrorKey.has(key));

/** Whether a record has only properties of an error and ids, and no status of an entity. */
const isOnlyError = (record: WireRecord<ErrorKey>): boolean =>
  Object.keys(record).every((key) => isErrorKey.has(key) || isSubjectKey.has(key)) && !hasStatusInWords(record);

/**
 * The error instead of a whole response, in any shape of error bodies. Null if the value is no error.
 *
 * Responses of reads and creates are entities, lists, or maps from id to entity. A record that has only names of errors
 * and contains a reason as text is none of these, because an entity has other properties, and the members of a map are
 * records under any id. Responses to updates and deletes may be messages about the success, so that only a status, a
 * name or a word of an error counts.
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
  const body = asRecord<ErrorKey | 'id'>(value);
  if (body === null) return null;
  if (isMessage) return deniesSuccess(body) ? { status: null, error: body } : null;
  const isError = hasErrorKeysOnly(body) && hasReason(body, 1);
  return isError ? { status: readStatus(body.code), error: body } : null;
}

/** Whether the message about a change names an error. A job that is returned instead has an id. */
function deniesSuccess(body: WireRecord<ErrorKey | 'id'>): boolean {
  if (readId(body.id) !== null) return false;
  return (
    /^(?:error|fail(?:ed|ure)?)$/i.test(readText(body.status)?.trim() ?? '') ||
    deniedTexts.some((key) => isText(body[key])) ||
    deniedParts.some((key) => body[key] !== undefined && isReason(body[key], 1))
  );
}

/**
 * The reason that an unexpected response contains: a text, or a record with texts of errors at its top level. Null if
 * there is none. The members of maps and lists are not read, because they can be data.
 */
export function readComplaint(value: unknown): unknown {
  const record = asRecord<ErrorKey>(value);
  return isText(value) || (record !== null && hasReason(record, 1)) ? value : null;
}

/** Whether an entry of a list has an id. An error in it then is about this entity only. */
function isAboutOne(value: unknown): boolean {
  const entry = asRecord<SubjectKey>(value) ?? {};
  return subjectKeys.some((key) => (entry[key] ?? null) !== null);
}

const hasOwnReason = (record: WireRecord<ErrorKey>): boolean => reasonKeys.some((key) => readId(record[key]) !== null);

/**
 * Whether a record, or a value nested in it, contains a reason. A batch that was requested with few properties may have
 * only names of an error, but its status is a word, and its errors are nested.
 */
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

/** Whether a record has a status like those of jobs and batches. */
const hasStatusInWords = ({ status }: WireRecord<ErrorKey>): boolean =>
  isText(status) && readInteger(status) === null && readBoolean(status) === null;

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

const ownStatusOf = ({ status, statusCode }: WireRecord<ErrorKey>): number | null =>
  readStatus(statusCode) ?? readStatus(status);

/** The status that a record names. `errors` names it by its keys, or by its own status. */
function statusOf(record: WireRecord<ErrorKey>): number | null {
  const byStatus = asRecord<'status'>(record.errors);
  for (const candidate of [...Object.keys(byStatus ?? {}), byStatus?.status]) {
    const number = readStatus(candidate);
    if (number !== null) return number;
  }
  return ownStatusOf(record);
}
