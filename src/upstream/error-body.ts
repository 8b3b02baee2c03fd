import { safeText } from './safe-text.ts';
import { asRecord, isText, type WireRecord } from './wire/readers.ts';

/** What an error answer of the platform says, whichever of its shapes it has. */
export interface ErrorBody {
  /** The platform's own code: `401013`, `UPAPI-113430-404`, `invalid_client`. */
  readonly code: string | null;
  readonly title: string | null;
  readonly detail: string | null;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;
  /** Whether the API gateway answered, before any service saw the request. */
  readonly fromGateway: boolean;
}

type ErrorKey =
  | 'error_code'
  | 'errorCode'
  | 'code'
  | 'type'
  | 'title'
  | 'detail'
  | 'message'
  | 'errorMessage'
  | 'cause'
  | 'error'
  | 'error_description'
  | 'errors'
  | 'report'
  | 'error-chain'
  | 'errorChain'
  | 'requestId'
  | 'retryAfterMs';
type ReportKey = 'error-chain' | 'errorChain' | 'detailed-message' | 'detailedMessage';

const nothingSaid: ErrorBody = {
  code: null,
  title: null,
  detail: null,
  requestId: null,
  retryAfterMs: null,
  fromGateway: false,
};

const maxCodeLength = 100;
const maxRequestIdLength = 128;
const typeCode = /\/([A-Z][A-Z0-9]*(?:-[A-Za-z0-9]+)+)$/;
const requestIdPattern = /^[\x21-\x7e]+$/;

/**
 * Reads an error body. The platform has no single shape: API gateway (`error_code`, `message`), profile service
 * (`errors` keyed by status), the general form (`type`, `title`, `report`), Catalog (`title`, `detail`), profile access
 * (`message`, `cause`, `statusCode`, also inside an array), `errorMessage`, OAuth (`error`, `error_description`), plain
 * text, nothing. Statuses inside the body are not read: the status line decides.
 */
export function readErrorBody(text: string): ErrorBody {
  const trimmed = text.trim();
  if (trimmed === '') return nothingSaid;
  let json: unknown;
  try {
    json = JSON.parse(trimmed);
  } catch {
    // A page for people (a proxy's, mostly) says nothing that helps here.
    return trimmed.startsWith('<') ? nothingSaid : { ...nothingSaid, title: safeText(trimmed) };
  }
  return readErrorValue(json);
}

/** The same of a value that has been parsed already, such as an error within an answer about many things. */
export function readErrorValue(json: unknown): ErrorBody {
  const body = asRecord<ErrorKey>(Array.isArray(json) ? json[0] : json);
  return body === null ? nothingSaid : fromRecord(body);
}

function fromRecord(body: WireRecord<ErrorKey>): ErrorBody {
  const errors = asRecord<'type' | 'title'>(body.errors);
  const entry = errors === null ? null : firstEntry(errors);
  const report = asRecord<ReportKey>(body.report);
  const chain = body['error-chain'] ?? body.errorChain ?? report?.errorChain ?? report?.['error-chain'];
  const link = asRecord<'errorCode'>(Array.isArray(chain) ? chain[0] : null);

  const title = firstText(body.title, errors?.title, body.message, entry?.message, body.errorMessage, body.error);
  const detail = firstText(
    body.detail,
    entry?.message,
    body.message,
    body.cause,
    body.error_description,
    report?.['detailed-message'],
    report?.detailedMessage,
  );
  const code = firstText(
    body.error_code,
    body.errorCode,
    codeOfType(body.type) ?? codeOfType(errors?.type),
    link?.errorCode,
    entry?.code,
    body.code,
    body.error,
  );
  const cause = firstText(body.cause);
  return {
    code: code === null ? null : safeText(code, maxCodeLength),
    title: title === null ? null : safeText(title),
    detail: detail === null ? null : safeText(detail === title && cause !== null ? cause : detail),
    requestId: requestIdFrom(body.requestId),
    retryAfterMs: milliseconds(body.retryAfterMs),
    fromGateway: body.error_code !== undefined,
  };
}

/** The first error of `errors`, a map from status to a list (in some answers to an object). */
function firstEntry(errors: object): WireRecord<'code' | 'message'> | null {
  for (const value of Object.values(errors)) {
    const entry = asRecord<'code' | 'message'>(Array.isArray(value) ? value[0] : value);
    if (entry !== null) return entry;
  }
  return null;
}

function firstText(...values: readonly unknown[]): string | null {
  for (const value of values) {
    if (isText(value)) return value;
    if (typeof value === 'number') return String(value);
  }
  return null;
}

const codeOfType = (type: unknown): string | null =>
  typeof type === 'string' ? (typeCode.exec(type)?.[1] ?? null) : null;

/** A request id that is fit to be shown and logged. */
export function requestIdFrom(value: unknown): string | null {
  return typeof value === 'string' && value.length <= maxRequestIdLength && requestIdPattern.test(value) ? value : null;
}

function milliseconds(value: unknown): number | null {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0 ? number : null;
}
