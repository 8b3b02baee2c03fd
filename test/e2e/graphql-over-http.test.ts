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

/**
 * Audits of a draft, with the requirement of the first edition (September 2026) under
 * `application/graphql-response+json` instead.
 */
const contradictions: ReadonlyMap<string, string> = new Map([
  ['423L', 'A JSON body that is no well-formed request, here one without `query`, has 422 and not 400.'],
  ['86EE', 'A validation error, here an unused variable, has 422 and not 400.'],
]);

const audits = serverAudits({ url: () => gateway.graphqlUrl, fetchFn: fetch });

describe('the GraphQL over HTTP audits', () => {
  it('are complete', () => {
    expect(audits.length).toBeGreaterThanOrEqual(60);
  });

  it.each(audits.map((audit) => [audit.id, audit.name, audit] as const))('%s: %s', async (_, __, audit) => {
    const result = await audit.fn();
    const reason = 'reason' in result ? result.reason : '';
    if (contradictions.has(audit.id)) {
      expect(reason).toBe('Response status code is not 400');
      expect('response' in result && result.response.status).toBe(422);
    } else {
      expect(result.status, reason).toBe('ok');
    }
  });
});
