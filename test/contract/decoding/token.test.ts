import { expect } from 'vitest';
import { GatewayCredentialError } from '../../../src/errors.ts';
import { createClientCredential } from '../../../src/upstream/index.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { decodesRecorded, type RecordedPlatform, uncounted } from './recorded-platform.ts';

const hourMs = 3_600_000;
const { signal } = new AbortController();

/**
 * The first token, and the number of token requests at first, after 23 hours and after 25 hours. The token lives for a
 * day.
 */
async function tokenAndLife({ url: imsUrl, requests }: RecordedPlatform) {
  const clock = new FakeClock();
  await using credential = createClientCredential({
    imsUrl,
    clientId: 'recorded-client',
    clientSecret: 'recorded-secret',
    scopes: ['openid'],
    clock,
    metrics: uncounted,
    failed: () => {},
  });
  const first = await credential.headers(signal);
  const requested = [requests.length];
  for (const hours of [23, 2]) {
    await clock.advanceBy(hours * hourMs);
    await credential.headers(signal);
    requested.push(requests.length);
  }
  return { first, requested };
}

const token = {
  first: { authorization: 'Bearer recorded-access-token', 'x-api-key': 'recorded-client' },
  requested: [1, 1, 2],
};

decodesRecorded('token', {
  'observed: token': { ask: (_, platform) => tokenAndLife(platform), means: token },
  'documented: token with a lifetime in milliseconds': { ask: (_, platform) => tokenAndLife(platform), means: token },
  'observed: rejected client': {
    ask: (_, platform) => tokenAndLife(platform).catch((error: unknown) => error),
    means: expect.any(GatewayCredentialError),
  },
});
