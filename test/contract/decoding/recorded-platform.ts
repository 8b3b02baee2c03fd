import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { parseTenant } from '../../../src/domain/tenant.ts';
import type { PlatformMetrics } from '../../../src/metrics/platform.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { type AnomalyKind, createPassthroughCredential, createUpstream } from '../../../src/upstream/index.ts';
import type { PlatformApi } from '../../../src/upstream/platform-api.ts';
import { defaultUpstream } from '../../support/default-config.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type RecordedResponse, recordedResponses } from '../../support/recorded.ts';

/** The meaning of a recorded response to the gateway. */
export interface Decoded {
  /** Sends the request of the recorded response through the gateway's own client. */
  ask(api: PlatformApi, platform: RecordedPlatform): Promise<unknown>;
  /** The expected value. It is written from the meaning of the response and never copied from a result. */
  readonly means: unknown;
  /** Kinds of anomalies that are counted, in any order. @default none */
  readonly anomalies?: readonly AnomalyKind[];
}

/** Times of the recorded responses: 1 June and 1 November 2026. */
export const june = new Date('2026-06-01T00:00:00.000Z');
export const november = new Date('2026-11-01T00:00:00.000Z');
/** A time of 1 November 2026, `10:05:00` or with milliseconds. */
export const at = (time: string): Date => new Date(`2026-11-01T${time}Z`);

/** Reading time of all recorded responses. The clock does not advance. */
export const readNow = { requestedAt: new FakeClock().now(), observedAt: new FakeClock().now() };

/** Marks responses that no gateway call reads. The emulator serves them to other clients. */
export const notRead = 'not read by the gateway';

/**
 * Defines a test for each recorded response of a resource, and a test that each response has an expected meaning. All
 * responses of the resource are served in each test, because the gateway reads the parts of a file after the list of
 * files.
 */
export function decodesRecorded(resource: string, cases: Readonly<Record<string, Decoded | typeof notRead>>): void {
  const responses = recordedResponses(resource);
  describe(`recorded ${resource}`, () => {
    it('have an expected meaning each', () => {
      expect(Object.keys(cases).toSorted()).toEqual(responses.map(({ name }) => name).toSorted());
    });

    for (const [name, expected] of Object.entries(cases)) {
      if (expected === notRead) continue;
      it(name, async () => {
        const first = responses.filter((response) => response.name === name);
        await using platform = await startRecordedPlatform([...first, ...responses]);
        expect(await expected.ask(platform.api, platform)).toEqual(expected.means);
        expect(platform.anomalies.toSorted()).toEqual([...(expected.anomalies ?? [])].toSorted());
        expect(platform.requests[0]).toBe(`${first[0]?.request.method} ${pathOf(first[0]?.request.path ?? '')}`);
      });
    }
  });
}

export interface RecordedPlatform extends AsyncDisposable {
  /** Address of the platform and of its token service. */
  readonly url: string;
  readonly api: PlatformApi;
  readonly anomalies: readonly AnomalyKind[];
  /** Method and path of each request. */
  readonly requests: readonly string[];
}

/** A server with exactly these responses. It returns the first response for the method and the path of the request. */
async function startRecordedPlatform(responses: readonly RecordedResponse[]): Promise<RecordedPlatform> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const method = request.method ?? '';
    const path = pathOf(request.url ?? '');
    requests.push(`${method} ${path}`);
    const found = responses.find((each) => each.request.method === method && pathOf(each.request.path) === path);
    request.resume();
    response.writeHead(found?.status ?? 404, { 'content-type': 'application/json' });
    response.end(found === undefined || found.body === null ? undefined : JSON.stringify(found.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // The assertion holds because a server that listens on a port has an address of this form.
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const anomalies: AnomalyKind[] = [];
  const upstream = createUpstream({
    baseUrl: url,
    clock: new FakeClock(),
    metrics: { ...uncounted, anomaly: ({ kind }) => void anomalies.push(kind) },
    credentialFailed: () => {},
    logger: createLogger({ level: 'silent' }),
    maxAttempts: 1,
    ...defaultUpstream,
  });
  const tenant = parseTenant('ABCDEF0123456789ABCDEF01@AdobeOrg', 'prod');
  if (tenant === null) throw new Error('The tenant of the recorded responses is invalid.');
  const credential = createPassthroughCredential({ authorization: 'Bearer recorded', apiKey: 'recorded' });
  return {
    url,
    api: upstream.connect({ tenant, credential }, { signal: new AbortController().signal, reportWrite: () => {} }),
    anomalies,
    requests,
    [Symbol.asyncDispose]: async () => {
      await upstream[Symbol.asyncDispose]();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const pathOf = (target: string): string => new URL(target, 'http://platform').pathname;

/** Metrics that are discarded. */
export const uncounted: PlatformMetrics = {
  callEnded: () => {},
  retried: () => {},
  shared: () => {},
  circuitChanged: () => {},
  budgetWaited: () => {},
  watchBudgets: () => {},
  createLost: () => {},
  anomaly: () => {},
};
