/** Load generator: autocannon in a closed loop, and requests at a fixed rate in an open loop. */
import autocannon from 'autocannon';
import { Pool } from 'undici';

export interface Target {
  readonly url: string;
  readonly body: string;
  readonly credentials: 'distinct' | 'one';
  /** Whether a 4xx status is expected. */
  readonly rejected: boolean;
}

export interface LoadFigures {
  readonly requests: number;
  /** Time from the first request to the last response. */
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export const connections = 32;
/** Longer than any response takes, even on a machine with other load. */
const timeoutSeconds = 60;

const organization = 'ABCDEF0123456789ABCDEF01@AdobeOrg';
/** A token with the length of a real caller's token, about 1,100 characters. */
const token = (index: number): string => `${String(index).padStart(4, '0')}${'tokenOfABenchmark'.repeat(64)}`;

export const headersOf = (index: number): Record<string, string> => ({
  'content-type': 'application/json',
  accept: 'application/json',
  authorization: `Bearer ${token(index)}`,
  'x-api-key': 'benchmark',
  'x-gw-ims-org-id': organization,
  'x-sandbox-name': 'prod',
});

/**
 * Runs 32 connections, each with one request at a time. A run has a fixed number of requests, because a run with a
 * fixed duration would end with unfinished requests, which servers then cancel.
 * @throws {Error} on an error, a timeout, or a response with another status
 */
export async function closedLoop({ url, body, credentials, rejected }: Target, requests: number): Promise<LoadFigures> {
  const latencies: number[] = [];
  let connected = 0;
  const startMs = performance.now();
  let lastMs = startMs;
  const options: autocannon.Options = {
    url,
    method: 'POST',
    connections,
    amount: requests,
    timeout: timeoutSeconds,
    body,
    headers: headersOf(0),
    setupClient: (client) => {
      if (credentials === 'distinct') client.setHeaders(headersOf(connected));
      connected += 1;
    },
  };
  const { errors, timeouts, non2xx } = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(options, (error: unknown, result) => (error ? reject(error) : resolve(result)));
    run.on('response', (_client, _status, _bytes, ms) => {
      latencies.push(ms);
      lastMs = performance.now();
    });
  });
  if (errors + timeouts + (rejected ? 0 : non2xx) > 0) {
    throw new Error(`${url}: ${errors} errors, ${timeouts} timeouts, ${non2xx} responses of another status than 2xx`);
  }
  return figuresOf(latencies, lastMs - startMs);
}

/**
 * Runs closed loops until the server has used an amount of CPU and has answered a number of requests.
 * @returns all requests of these loops, and the requests per second of CPU in the last loop
 */
export async function loadFor(
  target: Target,
  {
    cpuMs,
    requests: least,
    cpuMsOf,
  }: { readonly cpuMs: number; readonly requests: number; readonly cpuMsOf: () => number },
): Promise<{ readonly requests: number; readonly perSecond: number }> {
  const startMs = cpuMsOf();
  let total = 0;
  for (let requests = minRequests; ; ) {
    const beforeMs = cpuMsOf();
    await closedLoop(target, requests);
    total += requests;
    const nowMs = cpuMsOf();
    const perSecond = (requests * 1_000) / (nowMs - beforeMs);
    const leftMs = cpuMs - (nowMs - startMs);
    if (leftMs <= 0 && total >= least) return { requests: total, perSecond };
    requests = Math.max(minRequests, Math.round((partMs * perSecond) / 1_000));
  }
}

/** Minimum number of requests of a loop, so that each connection has some and the cost of a request can be measured. */
export const minRequests = 128;
const partMs = 500;

/**
 * Sends requests at the times of a Poisson process, whether or not earlier requests have been answered. The times are
 * the same for every server.
 */
export async function openLoop(
  { url, body, credentials, rejected }: Target,
  { rate, seconds }: { readonly rate: number; readonly seconds: number },
): Promise<LoadFigures> {
  const { origin, pathname } = new URL(url);
  await using pool = asyncDisposable(new Pool(origin, { connections }));
  const headers = Array.from({ length: connections }, (_, index) => headersOf(credentials === 'one' ? 0 : index));
  const latencies: number[] = [];
  const send = async (index: number): Promise<void> => {
    const sentMs = performance.now();
    const response = await pool.value.request({
      method: 'POST',
      path: pathname,
      body,
      headers: headers[index % connections] ?? {},
    });
    await response.body.arrayBuffer();
    if (response.statusCode !== 200 && !rejected) throw new Error(`${url} responded with ${response.statusCode}.`);
    latencies.push(performance.now() - sentMs);
  };
  const arrivals = arrivalsOf(rate, seconds);
  const startMs = performance.now();
  const sent: Promise<void>[] = [];
  await new Promise<void>((resolve) => {
    const sendDue = () => {
      const elapsed = performance.now() - startMs;
      for (let at = arrivals[sent.length]; at !== undefined && at <= elapsed; at = arrivals[sent.length]) {
        sent.push(send(sent.length));
      }
      const next = arrivals[sent.length];
      if (next === undefined) resolve();
      else setTimeout(sendDue, next - elapsed);
    };
    sendDue();
  });
  await Promise.all(sent);
  return figuresOf(latencies, performance.now() - startMs);
}

const asyncDisposable = (pool: Pool) => ({ value: pool, [Symbol.asyncDispose]: () => pool.close() });

/** Arrival times in milliseconds from the start, with exponentially distributed pauses. */
function arrivalsOf(rate: number, seconds: number): readonly number[] {
  const arrivals: number[] = [];
  let state = 1;
  for (let at = 0; ; ) {
    // A linear congruential generator with the constants of Numerical Recipes.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    at -= (Math.log((state + 1) / 2 ** 32) * 1_000) / rate;
    if (at >= seconds * 1_000) return arrivals;
    arrivals.push(at);
  }
}

function figuresOf(latencies: readonly number[], ms: number): LoadFigures {
  const sorted = latencies.toSorted((left, right) => left - right);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
  return { requests: sorted.length, seconds: ms / 1_000, p50Ms: at(0.5), p99Ms: at(0.99) };
}
