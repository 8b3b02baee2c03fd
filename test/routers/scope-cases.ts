import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { startCampaigns, subgraphsAt } from '../federation/graph.ts';
import { eventually } from '../support/eventually.ts';
import { connectGateway, startGateway } from '../support/gateway.ts';
import { closedPort, profileDataset, startPlatform } from '../support/platform.ts';
import { bearer, startTokenIssuer } from '../support/token-issuer.ts';
import type { RouterKind } from './router.ts';
import { caseOf } from './table-case.ts';

const policies = readFileSync(new URL('../../schema/policies.graphql', import.meta.url), 'utf8');

const list = '{ exportJobs(first: 1) { nodes { id } } }';
const create = `mutation { createExportJob(input: { destination: { target: { datasetId: "${profileDataset}" } } }) {
  __typename
} }`;

/** The SDL with scopes behind a router that verifies the tokens of callers. */
export function testScopes(kind: RouterKind): void {
  caseOf(kind, null)('scopes of policies.graphql', async () => {
    await using issuer = await startTokenIssuer();
    await using platform = await startPlatform();
    await using exports = await startGateway({ platform, env: issuer.env(platform) });
    await using marketing = await startCampaigns();
    const subgraphs = subgraphsAt({ exports: exports.graphqlUrl, marketing: marketing.url });
    await using router = await kind.start({
      subgraphs: subgraphs.map((each) => (each.name === 'exports' ? { ...each, sdl: policies } : each)),
      transport: 'WebSocket',
      callbackUrl: `http://127.0.0.1:${await closedPort()}/callback`,
      jwksUrl: issuer.jwksUrl,
    });
    const changes = () => exports.logs.filter((line) => JSON.parse(line).type === 'mutation').length;
    const send = async (query: string, scope: string) =>
      connectGateway(router.url).send(query, {}, bearer(await issuer.sign({ scope })));

    for (const [query, scope] of [
      [list, 'exports:write'],
      [create, 'exports:read'],
    ] as const) {
      const { data, errors } = await send(query, scope);
      expect([scope, Object.values(data ?? {})], JSON.stringify(errors)).not.toEqual([scope, [expect.anything()]]);
      expect(errors).not.toEqual([]);
    }
    // Cosmo sends queries without their scope as well, which this gateway rejects.
    expect(changes()).toBe(0);
    for (const [query, scope] of [
      [list, 'exports:read'],
      [create, 'exports:write'],
    ] as const) {
      const { data, errors } = await send(query, scope);
      expect(errors).toEqual([]);
      expect(Object.values(data ?? {})).toEqual([expect.anything()]);
    }
    await eventually(() => expect(changes()).toBe(1));
  });
}
