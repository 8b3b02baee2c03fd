import { expect, it } from 'vitest';
import { parseTenant, type Tenant } from '../../../../src/domain/tenant.ts';
import { type FeedKeys, feedKeys } from '../../../../src/events/redis/keys.ts';

function tenant(org: string, sandbox: string): Tenant {
  const parsed = parseTenant(`${org.repeat(24)}@AdobeOrg`, sandbox);
  if (parsed === null) throw new Error('not a tenant');
  return parsed;
}

it('feedKeys gives each kind of each sandbox of each organization its own keys', () => {
  const feeds = ['0', '1'].flatMap((org) =>
    ['prod', 'dev'].flatMap((sandbox) =>
      ['export-jobs', 'segment-jobs'].map((kind) => feedKeys(tenant(org, sandbox), kind)),
    ),
  );
  const keysOf = ({ events, snapshot, meta, channel }: FeedKeys) => [events, snapshot, meta, channel];
  const keys = feeds.flatMap(keysOf);
  expect(new Set(keys).size).toBe(8 * 4);
  for (const feed of feeds) {
    const others = feeds.filter((other) => other.prefix !== feed.prefix).flatMap(keysOf);
    expect(others.filter((key) => key.startsWith(`${feed.prefix}:`))).toEqual([]);
    for (const key of keysOf(feed)) expect(key.startsWith(`${feed.prefix}:`)).toBe(true);
  }
});
