import { asRecord, isText, type WireRecord } from '../wire/readers.ts';
import { safeText, titleOfPage } from './safe-text.ts';

/** The content of an error response of the platform, of any shape. */
export interface ErrorBody {
  /** The platform's error code, for example `401013`, `UPAPI-113430-404` or `invalid_client`. */
  readonly code: string | null;
  readonly title: string | null;
  readonly detail: string | null;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;
  /** Whether the API gateway returned the error, so that no service received the request. */
  readonly fromGateway: boolean;
}

const nothingSaid: ErrorBody = {
  code: null,
  title: null,
  detail: null,
  requestId: null,
  retryAfterMs: null,
  fromGateway: false,
};

/**
 * Names of codes. The API gateway uses a separate name. `errorCode` and the end of `type` are more exact than the
 * others.
 */
const gatewayCode = 'error_code';
const codeKeys = ['errorcode', 'code'] as const;
/** Names of short texts and of explanations, the most specific name first. */
const titleKeys = ['title', 'message', 'errorMessage', 'faultstring', 'error'] as const;
const detailKeys = [
  'detail',
  'message',
  'errorDescription',
  'error_description',
  'errorMessage',
  'cause',
  'reason',
  'description',
  'msg',
  'detailed-message',
  'detailedMessage',
] as const;
/** Names under which a part of an error is nested, the most specific name first. */
const partKeys = [
  'error',
  'errors',
  '_errors',
  'fault',
  'message',
  'messages',
  'detail',
  'details',
  'report',
  'error-chain',
  'errorChain',
  'cause',
] as const;

type ErrorKey =
  | typeof gatewayCode
  | 'errorCode'
  | (typeof codeKeys)[number]
  | (typeof titleKeys)[number]
  | (typeof detailKeys)[number]
  | (typeof partKeys)[number]
  | 'type'
  | 'requestId'
  | 'request_id'
  | 'retryAfterMs';
type ErrorPart = WireRecord<ErrorKey>;

const maxCodeLength = 100;
const maxRequestIdLength = 128;
/** Maximum number of parts of an error that are read, and their maximum depth. */
const maxParts = 20;
const maxDepth = 4;
const typeCode = /\/([A-Z][A-Z0-9]*(?:-[A-Za-z0-9]+)+)$/;
const requestIdPattern = /^[\x21-\x7e]+$/;

/**
 * Reads an error body. The platform has no single shape: the API gateway (`error_code`, `message`), the profile service
 * (`errors` keyed by status), the general form (`type`, `title`, `report`), Catalog (`title`, `detail`), profile access
 * (`message`, `cause`, `statusCode`, also inside an array), OAuth (`error`, `error_description`), a nested `error` with
 * `details`, lists of errors or of texts, plain text, an HTML page, or an empty body. One rule covers them. The parts
 * of the error are read from the outside in, and the same names of codes and texts are read in each part. Statuses
 * inside the body are not read, because the status line decides.
 */
export function readErrorBody(text: string): ErrorBody {
  const trimmed = text.trim();
  if (trimmed === '') return nothingSaid;
  let json: unknown;
  try {
    json = JSON.parse(trimmed);
  } catch {
    const title = trimmed.startsWith('<') ? titleOfPage(trimmed) : trimmed;
    return { ...nothingSaid, title: title === null ? null : shown(title) };
  }
  return readErrorValue(json);
}

/** Reads an error that is already parsed, for example an error within a bulk response. */
export function readErrorValue(json: unknown): ErrorBody {
  const parts = partsOf(json);
  const inParts = <Value>(read: (part: ErrorPart) => Value | null): Value | null => {
    for (const part of parts) {
      const value = read(part);
      if (value !== null) return value;
    }
    return null;
  };
  const ofGateway = inParts((part) => scalar(part[gatewayCode]));
  const code =
    ofGateway ??
    inParts((part) => scalar(part.errorCode) ?? codeOfType(part.type)) ??
    inParts((part) => firstOf(part, codeKeys)) ??
    inParts((part) => wordIn(part.error));
  const title = inParts((part) => firstOf(part, titleKeys));
  const detail = inParts((part) => firstOf(part, detailKeys, title));
  return {
    code: code === null ? null : safeText(code, maxCodeLength),
    title: title === null ? null : shown(title),
    detail: detail === null ? null : shown(detail),
    requestId: inParts((part) => requestIdFrom(part.requestId ?? part.request_id)),
    retryAfterMs: inParts((part) => milliseconds(part.retryAfterMs)),
    fromGateway: ofGateway !== null,
  };
}

/** The records of an error, from the outside in. A text instead of a record is read as its message. */
function partsOf(json: unknown): readonly ErrorPart[] {
  const parts: ErrorPart[] = [];
  let level: readonly unknown[] = [json];
  for (let depth = 0; depth < maxDepth && level.length > 0; depth += 1) {
    const inner: unknown[] = [];
    for (const value of level.flatMap((each) => (Array.isArray(each) ? each.slice(0, maxParts) : [each]))) {
      if (parts.length === maxParts) return parts;
      const part = isText(value) ? { message: value } : asRecord<ErrorKey>(value);
      if (part === null) continue;
      parts.push(part);
      for (const key of partKeys) if (typeof part[key] === 'object') inner.push(...nestedIn(part[key]));
    }
    level = inner;
  }
  return parts;
}

/** A list, a record, or a map from a status or the name of a field to lists or records. */
function nestedIn(value: unknown): readonly unknown[] {
  const record = asRecord(value);
  if (record === null) return Array.isArray(value) ? value.slice(0, maxParts) : [];
  return [record, ...Object.values(record).slice(0, maxParts)].filter((each) => typeof each === 'object');
}

function firstOf(part: ErrorPart, keys: readonly ErrorKey[], except: string | null = null): string | null {
  for (const key of keys) {
    const text = scalar(part[key]);
    if (text !== null && text !== except) return text;
  }
  return null;
}

function scalar(value: unknown): string | null {
  if (typeof value === 'number') return String(value);
  return isText(value) ? value : null;
}

/** A text in the form of a code, without spaces (`invalid_client`). Other texts are for people. */
const wordIn = (value: unknown): string | null => (typeof value === 'string' && /^[\w.-]+$/.test(value) ? value : null);

function shown(text: string): string | null {
  const safe = safeText(text);
  return safe === '' ? null : safe;
}

const codeOfType = (type: unknown): string | null =>
  typeof type === 'string' ? (typeCode.exec(type)?.[1] ?? null) : null;

/** A request id that can be shown and logged safely. */
export function requestIdFrom(value: unknown): string | null {
  return typeof value === 'string' && value.length <= maxRequestIdLength && requestIdPattern.test(value) ? value : null;
}

function milliseconds(value: unknown): number | null {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0 ? number : null;
}
