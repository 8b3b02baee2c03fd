import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type OrgId, parseTenant, type SandboxName, tenantKey } from '../../../src/domain/tenant.ts';

const org = '0123456789ABCDEF01234567@AdobeOrg';

describe('a tenant', () => {
  it.each(['prod', 'dev', 'a', '0', 'my-sandbox-2', 'x'.repeat(256)])('may have the sandbox %s', (sandbox) => {
    expect(parseTenant(org, sandbox)).toEqual({ org, sandbox });
  });

  it.each(['', 'Prod', '-dev', 'a b', 'a_b', 'a/b', '../a', 'dev\n', 'é', 'x'.repeat(257)])(
    'may not have the sandbox %j',
    (sandbox) => {
      expect(parseTenant(org, sandbox)).toBeNull();
    },
  );

  it.each([
    '',
    '@AdobeOrg',
    'abc',
    'abc@Other',
    `${org}x`,
    `${org}\n`,
    `${org}\r\nx: y`,
    'a b@AdobeOrg',
    `${'a'.repeat(65)}@AdobeOrg`,
  ])('may not have the organization %j', (name) => {
    expect(parseTenant(name, 'prod')).toBeNull();
  });

  it('has a unique key, whatever its names contain', () => {
    // The names are unchecked, because the key must not depend on a check.
    const tenant = fc.record({
      org: fc.string().map((text) => text as OrgId),
      sandbox: fc.string().map((text) => text as SandboxName),
    });
    fc.assert(
      fc.property(tenant, tenant, (one, other) => {
        const same = one.org === other.org && one.sandbox === other.sandbox;
        expect(tenantKey(one) === tenantKey(other)).toBe(same);
      }),
    );
    const shifted = [
      { org: 'a,b', sandbox: 'c' },
      { org: 'a', sandbox: 'b,c' },
      { org: 'a"', sandbox: ',"b' },
      { org: 'a', sandbox: '",",b' },
      { org: 'a","', sandbox: 'b' },
    ].map(({ org: name, sandbox }) => tenantKey({ org: name as OrgId, sandbox: sandbox as SandboxName }));
    expect(new Set(shifted).size).toBe(shifted.length);
  });
});
