import { readFileSync } from 'node:fs';
import { createRemoteJwksSigningKeyProvider, useJWT } from '@graphql-yoga/plugin-jwt';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type FederationGateway, startHiveGateway } from '../../examples/federation/gateway.ts';
import { type Composition, composers } from '../support/compose.ts';
import { eventually } from '../support/eventually.ts';
import { connectGateway, type Gateway, startGateway } from '../support/gateway.ts';
import { type Emulator, profileDataset, startPlatform } from '../support/platform.ts';
import { bearer, startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts';
import { startApolloGateway } from './gateways.ts';

const sdl = readFileSync(new URL('../../schema/policies.graphql', import.meta.url), 'utf8');

const list = '{ exportJobs(first: 1) { nodes { id } } }';
const create = `mutation { createExportJob(input: { destination: { target: { datasetId: "${profileDataset}" } } }) {
  __typename
} }`;
const viewer = '{ viewer { canWrite } }';

let platform: Emulator;
let issuer: TokenIssuer;
let subgraph: Gateway;
beforeAll(async () => {
  platform = await startPlatform();
  issuer = await startTokenIssuer();
  subgraph = await startGateway({ platform, env: issuer.env(platform) });
});
afterAll(async () => {
  await subgraph.close();
  await issuer[Symbol.asyncDispose]();
  await platform.close();
});

function supergraphBy(compose: (typeof composers)['Apollo']): string {
  const result: Composition = compose([{ name: 'exports', sdl, url: subgraph.graphqlUrl }]);
  if (result.supergraph === null) throw new Error(result.errors.join('; '));
  return result.supergraph;
}

/** Operations that the subgraph has received. */
const received = () => subgraph.logs.filter((line) => JSON.parse(line).msg === 'operation').length;

describe.each(Object.entries(composers))('a supergraph of the SDL with scopes by the composer of %s', (_, compose) => {
  describe('in Hive Gateway', () => {
    let gateway: FederationGateway;
    let before: number;
    beforeAll(async () => {
      const { jwksUrl: jwksUri, issuer: iss, audience } = issuer;
      gateway = await startHiveGateway(supergraphBy(compose), 'sse', {
        // Verifies the tokens of callers with the keys of the issuer, as the subgraph does.
        plugins: () => [
          useJWT({
            signingKeyProviders: [createRemoteJwksSigningKeyProvider({ jwksUri })],
            tokenVerification: { issuer: iss, audience, algorithms: ['ES256'] },
            reject: { missingToken: false, invalidToken: true },
          }),
        ],
        genericAuth: { mode: 'protect-granular', resolveUserFn: ({ jwt }) => jwt?.payload ?? null },
      });
    });
    afterAll(() => gateway[Symbol.asyncDispose]());
    beforeEach(() => {
      before = received();
    });

    const send = async (query: string, scope: string | null) => {
      const headers = scope === null ? {} : bearer(await issuer.sign({ scope }));
      const { data, errors } = await connectGateway(gateway.url).send(query, {}, headers);
      return { data, codes: errors.map(({ extensions }) => extensions?.['code']) };
    };

    it.each([
      ['a query without a token', list, null],
      ['a query without a scope', list, ''],
      ['a mutation with the scope for reading', create, 'exports:read'],
      [
        'the contents of a file with the scope for reading',
        '{ batch(id: "x") { files { nodes { downloadUrl } } } }',
        'exports:read',
      ],
      ['a field for authenticated callers without a token', viewer, null],
    ])('%s is rejected by the router, without a request to the subgraph', async (_case, query, scope) => {
      const { data, codes } = await send(query, scope);
      expect(data).toBeNull();
      expect(new Set(codes)).toEqual(new Set(['UNAUTHORIZED_FIELD_OR_TYPE']));
      expect(received()).toBe(before);
    });

    it.each([
      ['a query with the scope for reading', list, 'exports:read'],
      ['a mutation with the scope for writing', create, 'exports:write'],
      ['a field for authenticated callers without a scope', viewer, ''],
    ])('%s passes', async (_case, query, scope) => {
      const { data, codes } = await send(query, scope);
      expect(codes).toEqual([]);
      expect(Object.values(data ?? {})).toEqual([expect.anything()]);
      await eventually(() => expect(received()).toBe(before + 1));
    });
  });

  it('is rejected by @apollo/gateway, because it cannot enforce the directives', async () => {
    await expect(startApolloGateway(supergraphBy(compose))).rejects.toThrow(/SECURITY/);
  });
});
