import type { Dispatcher } from 'undici';
import { type AcceptedCredentials, withAcceptance } from './accepted-credentials.ts';
import { withAuthorization } from './authorization.ts';
import { withBudget } from './budget.ts';
import type { CallLayer, UpstreamCall } from './call.ts';
import { withDeadline } from './call-scope.ts';
import { withCircuit } from './circuit.ts';
import { type ConnectionLimits, createConnectionShare } from './connection-share.ts';
import type { CredentialReport } from './credential-report.ts';
import { type Download, openDownload } from './download.ts';
import { withOperationCalls } from './operation-calls.ts';
import { withRetry } from './retry.ts';
import { withSecondAttempt } from './second-attempt.ts';
import { type SendOptions, sendOnce } from './send-once.ts';
import { withSingleFlight } from './single-flight.ts';
import type { BucketOptions } from './token-bucket.ts';

export interface HttpClientOptions extends Omit<SendOptions, 'dispatcher'>, BucketOptions {
  readonly calls: Dispatcher;
  /** Apart from `calls`, because readers of downloads may be slow. */
  readonly downloads: Dispatcher;
  /** How long a call may take, with its repetitions and all waiting; of a download, until its headers are there. */
  readonly callTimeoutMs: number;
  /** How often a read is sent at most. */
  readonly maxAttempts: number;
  /** Chance, from 0 to below 1. */
  readonly random: () => number;
  readonly accepted: AcceptedCredentials;
  readonly connections: ConnectionLimits;
  readonly credentialFailed: CredentialReport;
}

/** The one HTTP client beneath all platform APIs. */
export interface HttpClient {
  readonly call: UpstreamCall;
  readonly open: UpstreamCall<Download>;
}

/**
 * Puts the rules of all calls around the exchange, each a layer of its own. From the outside in:
 * - single flight, which shares everything that follows;
 * - the deadline, which bounds everything that follows;
 * - retry, each attempt of which passes through all that follows;
 * - the second attempt after a rejected credential, with a pause of its own;
 * - authorization, whose own failures are no failures of the service;
 * - circuit, before the budget, so that it fails at once and costs nothing of it;
 * - the operation's limit of calls, before the budget, so that calls beyond the limit never wait in its queue;
 * - budget, since it counts what really goes out;
 * - the share of the connections, last, so that a call that waits for the budget holds none.
 *
 * A download is neither shared nor sent again, except after a rejected credential: its bytes cannot be shared, and its
 * reader continues by itself where it broke off. undici has interceptors for repeating and sharing calls, but they stand behind the token, the
 * request id and the deadline: they would never find two calls alike, and would sleep beyond the deadline.
 */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { calls, downloads, callTimeoutMs, clock } = options;
  // Made once, for what both kinds of calls do counts for the same circuits and budgets.
  const circuit = withCircuit(options);
  const budget = withBudget(options);
  const authorization = withAuthorization(options.credentialFailed);
  const acceptance = withAcceptance(options.accepted);
  const secondAttempt = withSecondAttempt(options);
  const deadline = withDeadline(clock, callTimeoutMs);
  const exchange: CallLayer = (send) => authorization(circuit(withOperationCalls(budget(acceptance(send)))));
  const connections = createConnectionShare(options.connections, options.accepted);
  const { basePath, metrics } = options;
  const sending = { dispatcher: calls, basePath, clock, metrics };
  const opening = { ...sending, dispatcher: downloads };
  const send: UpstreamCall = connections.layer((request) => sendOnce(sending, request));
  return {
    call: withSingleFlight(options)(deadline(withRetry(options)(secondAttempt(exchange(send))))),
    open: deadline(secondAttempt(exchange((request) => openDownload(opening, request)))),
  };
}
