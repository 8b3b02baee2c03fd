import type { Dispatcher } from 'undici';
import type { Logger } from '../../runtime/logger.ts';
import type { CredentialReport } from '../caller.ts';
import type { CallLayer, UpstreamCall, UpstreamRequest, UpstreamResponse } from './call.ts';
import { type Download, openDownload } from './download.ts';
import { type AcceptedCredentials, withAcceptance } from './layers/acceptance.ts';
import { withAuthorization } from './layers/authorization.ts';
import { withBudget } from './layers/budget.ts';
import { withCircuit } from './layers/circuit-breaker.ts';
import { type ConnectionLimits, createConnectionShare } from './layers/connection-share.ts';
import { withDeadline } from './layers/deadline.ts';
import { withFailureLog } from './layers/failure-log.ts';
import { withRetry } from './layers/retry.ts';
import { withSecondAttempt } from './layers/second-attempt.ts';
import { withSingleFlight } from './layers/single-flight.ts';
import type { BucketOptions } from './layers/token-bucket.ts';
import { withOperationCalls } from './operation-calls.ts';
import { type SendOptions, sendOnce } from './send.ts';

export interface HttpClientOptions extends Omit<SendOptions, 'dispatcher'>, BucketOptions {
  readonly calls: Dispatcher;
  /** Separate from `calls`, because readers of downloads may be slow. */
  readonly downloads: Dispatcher;
  /** Deadline of a call, including its repetitions and all waiting. For a download it ends with the headers. */
  readonly callTimeoutMs: number;
  /** Maximum number of attempts of a read. */
  readonly maxAttempts: number;
  /** Random number, from 0 to below 1. */
  readonly random: () => number;
  readonly accepted: AcceptedCredentials;
  readonly connections: ConnectionLimits;
  readonly credentialFailed: CredentialReport;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
}

/** The HTTP client that all platform APIs share. */
export interface HttpClient {
  readonly call: (request: UpstreamRequest) => Promise<UpstreamResponse>;
  readonly open: (request: UpstreamRequest) => Promise<Download>;
}

/**
 * Wraps the exchange into one layer per rule. From the outside in:
 * - single flight, which shares everything that follows;
 * - the deadline, which bounds everything that follows;
 * - retry, whose attempts each pass through everything that follows;
 * - the second attempt after a rejected credential, with its own pause;
 * - authorization, whose failures are not failures of the service;
 * - circuit, before the budget, so that it fails at once and uses no budget;
 * - the operation's limit of calls, before the budget, so that calls beyond the limit never wait in its queue;
 * - budget, which counts only calls that are sent;
 * - the log of failed attempts;
 * - the share of the connections, last, so that a call that waits for the budget holds no connection.
 *
 * A download is not shared, and it is repeated only after a rejected credential. Its bytes cannot be shared, and its
 * reader itself continues at the byte where the download broke. undici's interceptors for repeating and sharing calls
 * are not used, because they run after the token, the request id and the deadline. No two calls would be equal there,
 * and a pause could exceed the deadline.
 */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { calls, downloads, callTimeoutMs, clock } = options;
  // Created once, because calls and downloads count for the same circuits and budgets.
  const circuit = withCircuit(options);
  const budget = withBudget(options);
  const authorization = withAuthorization(options.credentialFailed);
  const acceptance = withAcceptance(options.accepted);
  const failureLog = withFailureLog(options);
  const secondAttempt = withSecondAttempt(options);
  const deadline = withDeadline(clock, callTimeoutMs);
  const exchange: CallLayer = (send) =>
    authorization(circuit(withOperationCalls(budget(acceptance(failureLog(send))))));
  const connections = createConnectionShare(options.connections, options.accepted);
  const { basePath, metrics } = options;
  const sending = { dispatcher: calls, basePath, clock, metrics };
  const opening = { ...sending, dispatcher: downloads };
  const send: UpstreamCall = connections.layer((request) => sendOnce(sending, request));
  const open = deadline(secondAttempt(exchange((request) => openDownload(opening, request))));
  return {
    call: withSingleFlight(options)(deadline(withRetry(options)(secondAttempt(exchange(send))))),
    open: (request) => Promise.resolve(open(request)),
  };
}
