import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/config.ts';
import { variables } from '../../../src/config/variables.ts';
import { describeVariables } from '../../../src/runtime/variable.ts';

type Environment = Readonly<Record<string, string>>;

const embedded: Environment = {};
const passthrough: Environment = { AEP_BASE_URL: 'https://platform.adobe.io' };
const service: Environment = {
  ...passthrough,
  AUTH_MODE: 'service',
  AEP_CLIENT_ID: 'client',
  AEP_CLIENT_SECRET: 'secret',
  JWT_JWKS_URL: 'https://issuer.example/keys',
  JWT_ISSUER: 'https://issuer.example',
  JWT_AUDIENCE: 'exports',
};
const modes = { embedded, passthrough, service };

/**
 * Defaults that are not a value, and the values of which they consist in an environment. Null: the variable may be
 * absent there, and nothing takes its place.
 */
const otherDefaults: Readonly<Record<string, readonly (readonly [Environment, value: string | null])[]>> = {
  PUBLIC_URL: [[embedded, null]],
  AEP_BASE_URL: [[embedded, null]],
  AEP_IMS_URL: [
    [{ ...embedded, AUTH_MODE: 'embedded', AEP_BASE_URL: 'http://127.0.0.1:1' }, 'http://127.0.0.1:1'],
    [passthrough, 'https://ims-na1.adobelogin.com'],
    [service, 'https://ims-na1.adobelogin.com'],
  ],
  AUTH_MODE: [
    [embedded, 'embedded'],
    [passthrough, 'passthrough'],
  ],
  AEP_ORG_ID: [
    [embedded, '0123456789ABCDEF01234567@AdobeOrg'],
    [passthrough, null],
    [service, null],
  ],
  GRAPHIQL: [
    [embedded, 'true'],
    [passthrough, 'false'],
    [service, 'false'],
  ],
  CONSOLE: [
    [embedded, 'true'],
    [passthrough, 'false'],
    [service, 'false'],
  ],
  INTROSPECTION: [
    [embedded, 'true'],
    [passthrough, 'true'],
    [service, 'false'],
  ],
  DOWNLOAD_LINK_SECRET: [[embedded, null]],
  AUDIT_LOG: [[embedded, null]],
  EMULATOR_SEED: [[embedded, null]],
  EMULATOR_CLOCK: [[embedded, null]],
  EMULATOR_DIR: [[embedded, null]],
};

/** Lists in which `none` is the empty list, and texts without a value. */
const isNone = (shownDefault: string) => shownDefault === 'none';

const rows = describeVariables(variables.shape);
const valueRows = rows.filter(({ name, shownDefault }) => !isNone(shownDefault) && !(name in otherDefaults));

/** The mode in which the variable may be set. */
function environmentOf(description: string): Environment {
  const [, mode] = /`(service|passthrough)` mode only/.exec(description) ?? [];
  return mode === 'service' || mode === 'passthrough' ? modes[mode] : embedded;
}

describe('the default of a variable', () => {
  it.each(valueRows)('that is shown is in effect: $name', ({ name, shownDefault, description }) => {
    const environment = environmentOf(description);
    const value = shownDefault.replaceAll('`', '');
    expect(loadConfig({ ...environment, [name]: value })).toEqual(loadConfig(environment));
  });

  it.each(Object.entries(otherDefaults))('that depends on other variables is in effect: %s', (name, cases) => {
    for (const [environment, value] of cases)
      if (value !== null) expect(loadConfig({ ...environment, [name]: value })).toEqual(loadConfig(environment));
  });

  it.each(Object.keys(otherDefaults))('that depends on other variables is a known name: %s', (name) => {
    expect(rows.map((row) => row.name)).toContain(name);
  });

  it('is a value for most variables, so that few are compared by hand', () => {
    expect(valueRows.length).toBeGreaterThan(30);
  });
});
