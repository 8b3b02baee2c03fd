import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EnvironmentError, readEnvironment } from '../../../src/emulator/environment.ts';

describe('the variables of the emulator', () => {
  it('have defaults, also when they are empty', () => {
    const expected = { options: { port: 4010, host: '127.0.0.1' }, logLevel: 'info' };
    expect(readEnvironment({})).toEqual(expected);
    expect(readEnvironment({ EMULATOR_PORT: '', EMULATOR_DIR: '', LOG_LEVEL: '' })).toEqual(expected);
  });

  it('are read', () => {
    expect(
      readEnvironment({
        EMULATOR_PORT: '0',
        EMULATOR_HOST: '0.0.0.0',
        EMULATOR_PROFILES: '1000000',
        EMULATOR_DIR: 'state',
        LOG_LEVEL: 'debug',
      }),
    ).toEqual({
      options: { port: 0, host: '0.0.0.0', profiles: 1_000_000, directory: resolve('state') },
      logLevel: 'debug',
    });
  });

  it.each([
    { EMULATOR_PORT: '-1' },
    { EMULATOR_PORT: '65536' },
    { EMULATOR_PORT: '4010x' },
    { EMULATOR_PROFILES: '0' },
    { EMULATOR_PROFILES: '1e6' },
    { LOG_LEVEL: 'loud' },
    { EMULATOR_DIRECTORY: 'state' },
  ])('are refused as in %j', (environment) => {
    const [name = ''] = Object.keys(environment);
    expect(() => readEnvironment(environment)).toThrow(EnvironmentError);
    expect(() => readEnvironment(environment)).toThrow(name);
  });
});
