import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type Emulator, startPlatform } from '../support/platform.ts';

let platform: Emulator;
let gateway: Gateway;
let admin: string;

beforeAll(async () => {
  platform = await startPlatform();
  gateway = await startGateway({ platform, env: { ADMIN_PORT: '0' } });
  const line = gateway.logs.find((each) => each.includes('the admin port is listening'));
  admin = String(JSON.parse(line ?? '{}').url);
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});

const statusOf = async (url: string, init: RequestInit = {}) => (await fetch(url, init)).status;

describe('an admin port', () => {
  it.each(['/metrics', '/healthz', '/readyz'])('serves %s, which the port of clients does not', async (path) => {
    expect(await statusOf(admin + path)).toBe(200);
    expect(await statusOf(gateway.url + path)).toBe(404);
  });

  it('serves the metrics of the gateway', async () => {
    const text = await (await fetch(`${admin}/metrics`)).text();
    expect(text).toContain('aep_build_info{version="test"');
  });

  it.each(['/graphql', '/graphql/stream', '/files/x/y', '/', '/metrics/x'])('does not serve %s', async (path) => {
    expect(await statusOf(admin + path)).toBe(404);
  });
});

it('an admin port is closed with the gateway', async () => {
  const other = await startGateway({ platform, env: { ADMIN_PORT: '0' } });
  const line = other.logs.find((each) => each.includes('the admin port is listening'));
  const url = String(JSON.parse(line ?? '{}').url);
  expect(await statusOf(`${url}/healthz`)).toBe(200);
  await other.close();
  await expect(fetch(`${url}/healthz`)).rejects.toThrow();
});
