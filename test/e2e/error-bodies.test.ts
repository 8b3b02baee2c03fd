import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { startGateway } from '../support/gateway.ts';
import {
  accessToken,
  type Emulator,
  goldTier,
  platformHeaders,
  profileDataset,
  startPlatform,
  startProxy,
} from '../support/platform.ts';

let platform: Emulator;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.close());

/** Starts a gateway whose requests to the platform receive this status and body if `matches` accepts them. */
async function startBetween(
  matches: (request: IncomingMessage) => boolean,
  status: number,
  body: object,
  env: Readonly<Record<string, string>> = {},
) {
  const proxy = await startProxy(platform, (request: IncomingMessage, response: ServerResponse) => {
    if (!matches(request)) return false;
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    return true;
  });
  const clock = new FakeClock(new Date());
  const urls = env['AUTH_MODE'] === undefined ? {} : { AEP_BASE_URL: proxy.url };
  const gateway = await startGateway({ platform: proxy, clock, env: { ...env, ...urls } });
  return {
    proxy,
    gateway,
    clock,
    [Symbol.asyncDispose]: async () => {
      await gateway.close();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

const of = (path: string, method?: string) => (request: IncomingMessage) =>
  request.url?.startsWith(path) === true && (method === undefined || request.method === method);
const catalogError = {
  type: '/placeholder/type/uri',
  status: 500,
  title: 'InternalServerError',
  detail: 'No answer from the store',
};

describe('an error body in a successful response', () => {
  it.each([200, 207])('with status %i is not a list of datasets', async (status) => {
    await using setup = await startBetween(of('/data/foundation/catalog/dataSets'), status, catalogError);
    const { data, errors } = await setup.gateway.send('{ datasets { nodes { platformId } } viewer { canWrite } }');
    expect(data).toEqual({ datasets: null, viewer: { canWrite: true } });
    expect(errors).toMatchObject([
      {
        path: ['datasets'],
        message: expect.stringContaining('InternalServerError: No answer from the store'),
        extensions: { code: 'PLATFORM_ERROR', upstream: { service: 'catalog', status: 500 } },
      },
    ]);
  });

  it('does not make the dataset of a create unknown', async () => {
    await using setup = await startBetween(of('/data/foundation/catalog/dataSets'), 200, catalogError);
    const { data } = await setup.gateway.send(
      'mutation ($input: CreateExportJobInput!) { result: createExportJob(input: $input) { __typename } }',
      { input: { destination: { target: { datasetId: profileDataset } } } },
    );
    expect(data).toEqual({ result: { __typename: 'CreateExportJobPayload' } });
  });

  it('is not the job of a create', async () => {
    const body = { title: 'Forbidden', status: 403 };
    await using setup = await startBetween(of('/data/core/ups/segment/jobs', 'POST'), 200, body);
    const { data } = await setup.gateway.send(
      'mutation { result: createSegmentJob(input: { segmentIds: ["*"] }) { __typename ... on Error { message } } }',
    );
    expect(data).toMatchObject({
      result: { __typename: 'ForbiddenError', message: expect.stringMatching('Forbidden') },
    });
  });
});

it('a rule of the organization is a PlatformError that shows its code', async () => {
  const body = {
    status: 400,
    title: 'Non-scheduled segment jobs are not allowed for orgs enabled for B2B simplification',
    type: 'http://ns.adobe.com/aep/errors/UPAPI-054554-400',
  };
  await using setup = await startBetween((request) => of('/data/core/ups/segment/jobs', 'POST')(request), 400, body);
  const { data } = await setup.gateway.send(
    `mutation { result: createSegmentJob(input: { segmentIds: ["${goldTier}"], skipChecks: true }) {
      __typename ... on PlatformError { status retryable message }
    } }`,
  );
  expect(data).toEqual({
    result: {
      __typename: 'PlatformError',
      status: 400,
      retryable: false,
      message: `The platform (segmentation) responded with 400 (UPAPI-054554-400): ${body.title}`,
    },
  });
});

it('a sandbox that the platform does not accept is reported as an invalid header', async () => {
  const body = { title: 'Sandbox header is invalid', type: 'http://ns.adobe.com/aep/errors/SMS-2010-400', status: 400 };
  await using setup = await startBetween(of('/data/core/ups/segment/jobs'), 400, body);
  const { errors } = await setup.gateway.send('{ segmentJobs(filter: { statuses: [NEW] }) { nodes { id } } }');
  expect(errors[0]?.extensions).toMatchObject({
    code: 'INVALID_INPUT',
    issues: [{ path: 'x-sandbox-name', message: 'Sandbox header is invalid' }],
    upstream: { code: 'SMS-2010-400' },
  });
});

it('a query survives a transient rejection of a token that was accepted before', async () => {
  let rejects = false;
  const matches = ({ url }: IncomingMessage) => {
    const isRejected = rejects && url?.startsWith('/data/core/ups/export/jobs') === true;
    if (isRejected) rejects = false;
    return isRejected;
  };
  const body = { error_code: '401013', message: 'Oauth token is not valid' };
  await using setup = await startBetween(matches, 401, body, { AUTH_MODE: 'passthrough' });
  const headers = platformHeaders(await accessToken(platform));
  const read = () => setup.clock.runUntil(setup.gateway.send('{ exportJobs(first: 1) { nodes { id } } }', {}, headers));
  expect((await read()).errors).toEqual([]);
  rejects = true;
  expect((await read()).errors).toEqual([]);
  expect(rejects).toBe(false);
  expect(setup.proxy.requests.filter((target) => target.includes('/export/jobs'))).toHaveLength(3);
  expect(await setup.gateway.metric('aep_upstream_retries_total')).toBe(1);
});
