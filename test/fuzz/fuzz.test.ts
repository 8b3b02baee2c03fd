import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { type DocumentNode, getOperationAST, print } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as operations from '../e2e/operations.generated.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { accessToken, organization, profileDataset, startPlatform, webEventsDataset } from '../support/platform.ts';
import { printedSchema } from '../support/sdl.ts';
import { startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts';
import { upgradeRequest } from '../support/upgrade-request.ts';
import { faultOfHttp } from './expectations.ts';
import { type RawAnswer, readAnswers } from './http-answers.ts';
import { bytesOf, type KnownRequests, rawRequest } from './http-requests.ts';
import { converse } from './raw-connection.ts';
import { faultOfSocket, isAnswered, piecesOf, socketScript } from './socket-scripts.ts';
import { variablesOf } from './variables.ts';

/**
 * `FUZZ_CASES=100000 FUZZ_SEED=7 npx vitest run test/e2e/fuzz.test.ts` runs more cases, or others. A failure reports
 * the seed, the path and the shrunk case.
 */
const cases = Number(process.env['FUZZ_CASES'] ?? 10_000);
const seed = Number(process.env['FUZZ_SEED'] ?? 1);

/** Number of strands over which the cases are spread, and of concurrent connections of each kind. */
const strands = 8;

let platform: Awaited<ReturnType<typeof startPlatform>>;
let issuer: TokenIssuer;
let gateways: Readonly<Record<'embedded' | 'passthrough' | 'service', Gateway>>;
let known: KnownRequests;
/** Open connections that servers of this process have accepted, by the port of the server. */
const accepted = new Map<string, Set<Socket>>();
const failures: unknown[] = [];

const onAccepted = (message: unknown) => {
  // The message of this diagnostics channel is documented to contain the accepted socket.
  const { socket } = message as { readonly socket: Socket };
  const port = String(socket.localPort);
  const ofPort = accepted.get(port) ?? new Set();
  accepted.set(port, ofPort.add(socket));
  socket.on('close', () => ofPort.delete(socket));
};
const onFailure = (error: unknown) => void failures.push(error);

beforeAll(async () => {
  subscribe('net.server.socket', onAccepted);
  process.on('uncaughtExceptionMonitor', onFailure);
  // Created jobs do not change, because the clock of the platform stands still.
  platform = await startPlatform({ clock: new FakeClock() });
  issuer = await startTokenIssuer();
  const remote = { AUTH_MODE: 'passthrough', AEP_BASE_URL: platform.url, AEP_IMS_URL: platform.url };
  const polls = { POLL_MIN_MS: '1000', POLL_MAX_MS: '1000' };
  gateways = {
    // GraphiQL is off, because its page is long and always the same.
    embedded: await startGateway({
      platform,
      env: { ...polls, CORS_ORIGINS: 'https://app.example', GRAPHIQL: 'false' },
    }),
    passthrough: await startGateway({ platform, env: { ...polls, ...remote } }),
    service: await startGateway({ platform, env: { ...polls, ...issuer.env(platform) } }),
  };
  const { exportJob } = await gateways.embedded.query(operations.ExportJobDocument, { id: '24055' });
  const link = exportJob?.destination.batches[0]?.batch?.files.nodes[0]?.downloadUrl ?? '';
  known = { authorizations: await authorizations(), files: [new URL(link).pathname] };
});
afterAll(async () => {
  for (const gateway of Object.values(gateways)) await gateway.close();
  await issuer[Symbol.asyncDispose]();
  await platform.close();
  unsubscribe('net.server.socket', onAccepted);
  process.off('uncaughtExceptionMonitor', onFailure);
});

async function authorizations(): Promise<readonly string[]> {
  const good = await issuer.sign();
  const [header = '', payload = '', signature = ''] = good.split('.');
  const unsigned = Buffer.from('{"alg":"none"}').toString('base64url');
  const tokens = [
    good,
    await accessToken(platform),
    await issuer.sign({}, { expiresInSeconds: -60 }),
    await issuer.sign({ sandboxes: 7, scope: { a: 1 }, organization: ['a'] }),
    await issuer.sign({ organization: '\ud800', sandboxes: ['__proto__'] }),
    `${unsigned}.${payload}.`,
    `${header}.${payload}.${signature.slice(1)}`,
    `${header}..${signature}`,
    '..',
    'x'.repeat(10_000),
  ];
  return [
    ...tokens.map((token) => `Bearer ${token}`),
    '',
    'Bearer',
    'Bearer ',
    'bearer  a',
    'Basic ZW11bGF0b3I6ZQ==',
    'Digest a="b"',
  ];
}

/** Runs a property in several concurrent strands, each with its own cases. */
async function run<Case>(
  count: number,
  generator: fc.Arbitrary<Case>,
  faultOf: (made: Case) => Promise<string | null>,
) {
  const property = fc.asyncProperty(generator, async (made) => {
    const fault = await faultOf(made);
    if (fault !== null) throw new Error(fault);
  });
  const runs = Array.from({ length: strands }, (_, strand) =>
    fc.assert(property, {
      seed: seed + strand,
      numRuns: Math.ceil(count / strands),
      interruptAfterTimeLimit: 60_000,
      markInterruptAsFailure: true,
    }),
  );
  // All strands end before the gateway does.
  const results = await Promise.allSettled(runs);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** Whether the received bytes contain a complete response, or the beginning of a stream. */
function isAnswerEnough(received: Buffer): boolean {
  const answer = readAnswers(received).at(-1);
  if (answer === undefined || answer.status === 100) return false;
  return (
    answer.isWhole || (isEventStream(answer) && (/^data: .*\n/m.test(answer.body) || answer.body.includes(twoPings)))
  );
}

const isEventStream = ({ headers }: RawAnswer) => headers.get('content-type')?.startsWith('text/event-stream') === true;
/** Heartbeats of a stream without events. */
const twoPings = ':\n:\n';

const share = (part: number): number => Math.ceil(cases * part);
const patience = 120_000;

describe('arbitrary input', () => {
  it.each([
    ['embedded', 0.45],
    ['passthrough', 0.1],
    ['service', 0.1],
  ] as const)(
    'over HTTP, in %s mode, gets a response that follows the contract',
    { timeout: patience },
    async (mode, part) => {
      const { url } = gateways[mode];
      await run(share(part), rawRequest(known), async (request) =>
        faultOfHttp(
          await converse({ url, pieces: [bytesOf(request)], ending: request.ending, isEnough: isAnswerEnough }),
        ),
      );
    },
  );

  it('in an operation’s variables gets a response that follows the contract', { timeout: patience }, async () => {
    const { url } = gateways.embedded;
    const values = { ids: await knownIds(), cursors: await knownCursors() };
    const schema = printedSchema();
    const documents = Object.values<object>(operations).filter((value): value is DocumentNode => 'kind' in value);
    const each = documents.map((document) =>
      variablesOf(schema, document, values).map((variables) => ({
        name: getOperationAST(document)?.name?.value,
        document,
        variables,
      })),
    );
    expect(each.length).toBeGreaterThan(30);
    await run(share(0.15), fc.oneof(...each), async ({ document, variables }) => {
      const accept = getOperationAST(document)?.operation === 'subscription' ? 'text/event-stream' : 'application/json';
      const request = bytesOf({
        method: 'POST',
        target: '/graphql',
        headers: [
          ['content-type', 'application/json'],
          ['accept', accept],
        ],
        body: Buffer.from(JSON.stringify({ query: print(document), variables })),
        length: 'right',
        ending: 'wait',
      });
      return faultOfHttp(await converse({ url, pieces: [request], ending: 'wait', isEnough: isAnswerEnough }));
    });
  });

  it('on a WebSocket is answered or closes the socket', { timeout: patience }, async () => {
    const { url } = gateways.embedded;
    await run(share(0.15), socketScript, async (script) =>
      faultOfSocket(
        await converse({
          url,
          pieces: [Buffer.from(upgradeRequest), ...piecesOf(script)],
          ending: script.ending,
          isEnough: isAnswered,
        }),
        script,
      ),
    );
  });
});

describe('after all cases', () => {
  it('no error was thrown without being caught, and none was logged', () => {
    expect(failures).toEqual([]);
    for (const { logs } of Object.values(gateways))
      expect(logs.filter((line) => line.startsWith('{"level":"error"'))).toEqual([]);
  });

  it('further cases need no more memory', { timeout: patience }, async () => {
    const { url } = gateways.embedded;
    const count = share(0.05);
    const before = heapBytes();
    await run(count, rawRequest(known), async (request) =>
      faultOfHttp(
        await converse({ url, pieces: [bytesOf(request)], ending: request.ending, isEnough: isAnswerEnough }),
      ),
    );
    const kept = (heapBytes() - before) / count;
    expect(kept).toBeLessThan(maxKeptBytes);
  });

  it.each(['embedded', 'passthrough', 'service'] as const)(
    'no connection is left in %s mode, and the gateway still serves',
    async (mode) => {
      const gateway = gateways[mode];
      for (const name of ['aep_watch_subscribers', 'aep_watch_feeds']) {
        await eventually(async () => expect(await gateway.metric(name)).toBe(0));
      }
      const port = new URL(gateway.url).port;
      // The reference client keeps its own connections open.
      await eventually(() => expect(accepted.get(port)?.size).toBeLessThanOrEqual(2));
      expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
      const authorization =
        { embedded: '', passthrough: known.authorizations[1], service: known.authorizations[0] }[mode] ?? '';
      const headers = {
        ...(authorization === '' ? {} : { authorization }),
        'x-api-key': 'emulator',
        'x-gw-ims-org-id': organization,
        'x-sandbox-name': 'prod',
      };
      const { exportJobs } = await gateway.query(operations.ListExportJobsDocument, { first: 3 }, headers);
      expect(exportJobs.edges).toHaveLength(3);
    },
  );
});

/** Memory that a case may leave behind, in bytes: log lines that a test gateway keeps. */
const maxKeptBytes = 20_000;

/** Heap in use after a full collection. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  // With this flag, contexts created from now on have the function as a global.
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
  return process.memoryUsage().heapUsed;
}

async function knownIds(): Promise<readonly string[]> {
  const { data } = await gateways.embedded.send(`{
    exportJobs(first: 2) { nodes { id destination { batches { batchId } } } }
    datasets(first: 2) { nodes { id } }
    schedules(first: 2) { nodes { id } }
    segmentJobs(first: 2) { nodes { id } }
    segmentDefinitions(first: 2) { nodes { id platformId } }
    mergePolicies(first: 2) { nodes { id } }
  }`);
  const found = [...JSON.stringify(data).matchAll(/"(?:id|batchId|platformId)":"([^"]+)"/g)].map(([, id = '']) => id);
  expect(found.length).toBeGreaterThan(8);
  return [...found, profileDataset, webEventsDataset, '24060', '99999999', 'ExportJob:', '*'];
}

async function knownCursors(): Promise<readonly string[]> {
  const connections = ['exportJobs', 'datasets', 'segmentJobs', 'segmentDefinitions'];
  const { data } = await gateways.embedded.send(
    `{ ${connections.map((name) => `${name}(first: 1) { pageInfo { endCursor } }`).join(' ')} }`,
  );
  const found = [...JSON.stringify(data).matchAll(/"endCursor":"([^"]+)"/g)].map(([, cursor = '']) => cursor);
  expect(found).toHaveLength(connections.length);
  return found;
}
