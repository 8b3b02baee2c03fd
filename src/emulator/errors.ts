import type { JsonObject, JsonValue } from './json.ts';

/** The service that answers a request. Each service has its own error format. */
export type Service = 'ims' | 'ups' | 'profile-access' | 'catalog' | 'data-access' | 'sandbox';

/** Thrown by an operation to answer with an error. The server writes it in the error format of the called service. */
export class PlatformError extends Error {
  override readonly name = 'PlatformError';
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  /** @param code a key of the service's error table: `UPAPI-…`, `NotFoundError`, `invalid_client`, `SMS-…` */
  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/**
 * Thrown when the API gateway in front of the services rejects a request. The first three digits of the code are the
 * status.
 */
export class GatewayRejection extends Error {
  override readonly name = 'GatewayRejection';
  readonly code: keyof typeof gatewayMessages;

  constructor(code: keyof typeof gatewayMessages) {
    super(gatewayMessages[code]);
    this.code = code;
  }

  get status(): number {
    return Math.floor(this.code / 1_000);
  }
}

/**
 * Codes and messages of the API gateway, from the platform's troubleshooting guide. A missing token is 403, not 401.
 */
const gatewayMessages = {
  400003: 'Missing header',
  401013: 'Oauth token is not valid',
  403000: 'Api Key is required',
  403003: 'Api Key is invalid',
  403010: 'Oauth token is missing.',
  403025: 'Profile is not valid',
  403027: 'User region is missing',
} as const;

/**
 * Codes of export jobs, segment jobs, segment definitions, schedules and merge policies. Adobe documents only the code
 * of the bulk reads of audiences; the other codes follow its form.
 */
export const upsCodes = {
  bulkSize: 'UPAPI-113015-400',
  invalidRequest: 'UPAPI-113400-400',
  malformedBody: 'UPAPI-113401-400',
  unknownDataset: 'UPAPI-113410-404',
  unknownJob: 'UPAPI-113430-404',
  unknownSegment: 'UPAPI-113431-404',
  unknownSchedule: 'UPAPI-113432-404',
  unknownMergePolicy: 'UPAPI-113433-404',
  tooManyJobs: 'UPAPI-113490-429',
  missingSandbox: 'UPAPI-113440-400',
  noSuchRoute: 'UPAPI-113450-404',
  methodNotAllowed: 'UPAPI-113460-405',
  bodyTooLarge: 'UPAPI-113470-413',
  internal: 'UPAPI-113500-500',
} as const;

/** Request data that `errorBody` needs. */
export interface ErrorContext {
  readonly service: Service;
  readonly requestId: string;
  readonly organization: string;
  readonly sandbox: string | null;
  readonly now: Date;
}

/**
 * Builds the body of an error in the service's error format. Only `PlatformError` and `GatewayRejection` may reach this
 * function.
 */
export function errorBody(error: PlatformError | GatewayRejection, context: ErrorContext): JsonValue {
  if (error instanceof GatewayRejection) return { error_code: String(error.code), message: error.message };
  switch (context.service) {
    case 'ims':
      return { error: error.code, error_description: error.message };
    case 'ups':
      return upsError(error, context.requestId);
    case 'profile-access':
      return profileAccessError(error);
    case 'catalog':
      return { type: '/placeholder/type/uri', status: error.status, title: error.code, detail: error.message };
    case 'data-access':
    case 'sandbox':
      return generalError(error, context);
  }
}

/** Value of `retryAfterMs`, in milliseconds, from the documented sample. */
const retryAfterMs = 500;

/** Error format of profile access: the status is text, 404 has only the status, 403 has no cause, and 429 is a list. */
export function profileAccessError({ status, code, message }: PlatformError): JsonValue {
  const statusCode = String(status);
  const full = `${code}: ${message}`;
  switch (status) {
    case 404:
      return { statusCode };
    case 403:
      return { message: full, statusCode };
    case 429:
      return [
        {
          message: 'Too many requests',
          cause: '{"Errors":["Request rate is large"]}',
          retryAfterMs: String(retryAfterMs),
          statusCode,
        },
      ];
    default:
      return { message: full, cause: `Status Code - ${statusCode} : ${message}`, statusCode };
  }
}

function upsError(error: PlatformError, requestId: string): JsonObject {
  return {
    requestId,
    errors: { [error.status]: [{ code: error.code, message: error.message }] },
    type: `https://ns.adobe.com/aep/errors/${error.code}`,
    title: error.message,
    status: error.status,
  };
}

function generalError(error: PlatformError, context: ErrorContext): JsonObject {
  return {
    type: `http://ns.adobe.com/aep/errors/${error.code}`,
    title: error.message,
    status: error.status,
    report: {
      tenantInfo: { sandboxName: context.sandbox, imsOrgId: context.organization },
      additionalContext: {},
    },
    'error-chain': [
      {
        serviceId: context.service === 'sandbox' ? 'SMS' : 'DAS',
        errorCode: error.code,
        invokingServiceId: 'emulator',
        unixTimeStampMs: context.now.getTime(),
      },
    ],
  };
}

/** Errors for a request that matches no operation, or whose body cannot be read, with the messages of each service. */
export const requestErrors = {
  noSuchRoute: (service: Service, path: string) =>
    of(service, 404, upsCodes.noSuchRoute, 'NotFoundError', `No resource at ${path}.`),
  methodNotAllowed: (service: Service, method: string, allowed: readonly string[]) =>
    new PlatformError(
      405,
      codeFor(service, 405, upsCodes.methodNotAllowed, 'MethodNotAllowedError'),
      `Method ${method} is not allowed here.`,
      { allow: allowed.join(', ') },
    ),
  malformedPath: (service: Service) =>
    of(service, 400, upsCodes.invalidRequest, 'BadRequestError', 'The path is not valid percent-encoded text.'),
  malformedBody: (service: Service) =>
    of(service, 400, upsCodes.malformedBody, 'BadRequestError', 'The body is not valid JSON.'),
  bodyTooLarge: (service: Service, limitBytes: number) =>
    of(service, 413, upsCodes.bodyTooLarge, 'PayloadTooLargeError', `The body exceeds ${limitBytes} bytes.`),
  contentType: () => new PlatformError(400, 'BadRequestError', 'A valid content-type must be specified'),
  missingSandbox: (service: Service) =>
    of(service, 400, upsCodes.missingSandbox, 'BadRequestError', 'Header x-sandbox-name is required.'),
  unknownSandbox: (status: number, name: string) =>
    new PlatformError(status, `SMS-2074-${status}`, `The sandbox ${name} is unknown or you have no access to it.`),
  /** An error that a fault script prescribes. */
  scripted: (service: Service, status: number, message: string) =>
    of(service, status, `UPAPI-113500-${status}`, `${message.replaceAll(/[^A-Za-z]/g, '')}Error`, message),
  internal: (service: Service) => of(service, 500, upsCodes.internal, 'InternalServerError', 'Internal server error.'),
} as const;

function of(service: Service, status: number, upsCode: string, catalogTitle: string, message: string): PlatformError {
  return new PlatformError(status, codeFor(service, status, upsCode, catalogTitle), message);
}

function codeFor(service: Service, status: number, upsCode: string, catalogTitle: string): string {
  switch (service) {
    case 'ims':
      return status < 500 ? 'invalid_request' : 'server_error';
    case 'ups':
      return upsCode;
    case 'profile-access':
      return `UPS-ACC-1000${status}`;
    case 'catalog':
      return catalogTitle;
    case 'data-access':
      return `DAS-1000-${status}`;
    case 'sandbox':
      return `SMS-2000-${status}`;
  }
}
