import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { startPlatform } from '../support/platform.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;

beforeAll(async () => {
  platform = await startPlatform();
  gateway = await startGateway({ platform });
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});

const audits = serverAudits({ url: () => gateway.graphqlUrl, fetchFn: fetch });

describe('the GraphQL over HTTP audits', () => {
  it('are all here', () => {
    expect(audits.length).toBeGreaterThanOrEqual(60);
  });

  it.each(audits.map((audit) => [audit.id, audit.name, audit] as const))('%s: %s', async (_, __, audit) => {
    const result = await audit.fn();
    expect(result.status, 'reason' in result ? result.reason : '').toBe('ok');
  });
});
