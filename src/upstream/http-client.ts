import type { Dispatcher } from 'undici';
import { withAuthorization } from './authorization.ts';
import type { CallLayer, UpstreamCall } from './call.ts';
import { withDeadline } from './call-scope.ts';
import { type Download, openDownload } from './download.ts';
import { type SendOptions, sendOnce } from './send-once.ts';

export interface HttpClientOptions extends Omit<SendOptions, 'dispatcher'> {
  readonly calls: Dispatcher;
  /** Apart from `calls`, because readers of downloads may be slow. */
  readonly downloads: Dispatcher;
  /** How long a call may take, repetition after a 401 included; of a download, until its headers are there. */
  readonly callTimeoutMs: number;
}

/** The one HTTP client beneath all platform APIs. */
export interface HttpClient {
  readonly call: UpstreamCall;
  readonly open: UpstreamCall<Download>;
}

export function createHttpClient({ calls, downloads, callTimeoutMs, ...options }: HttpClientOptions): HttpClient {
  // From the outside in. What comes to hold for every call (retry, budget, circuit, …) takes its place in this chain.
  const around: CallLayer = (send) => withDeadline(options.clock, callTimeoutMs)(withAuthorization(withTenant(send)));
  return {
    call: around((request) => sendOnce({ ...options, dispatcher: calls }, request)),
    open: around((request) => openDownload({ ...options, dispatcher: downloads }, request)),
  };
}

/** Names the organization, and the sandbox where the API takes it from a header. */
const withTenant: CallLayer = (next) => (request) => {
  const { org, sandbox } = request.caller.tenant;
  const sandboxHeader = request.sandboxed === false ? {} : { 'x-sandbox-name': sandbox };
  return next({ ...request, headers: { ...request.headers, 'x-gw-ims-org-id': org, ...sandboxHeader } });
};
