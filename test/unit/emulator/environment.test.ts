import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EnvironmentError, readEnvironment } from '../../../src/emulator/environment.ts';

describe('the variables of the emulator', () => {
  it('have defaults, also when they are empty', () => {
    const generated = { profiles: 10_000, seed: 1, pace: 'real' };
    const expected = { options: { port: 4010, host: '127.0.0.1', ...generated }, logLevel: 'info' };
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
        EMULATOR_RANDOM_SEED: '7',
        EMULATOR_PACE: 'fast',
        EMULATOR_CLOCK: '2026-01-01T00:00:00Z x60',
        EMULATOR_QUIRKS: 'cancelReply=json, unknownDatasetStatus=400,echoRequestId=true,defaultSandbox=null',
        EMULATOR_ADMIN_TOKEN: '0123456789abcdef',
        LOG_LEVEL: 'debug',
      }),
    ).toEqual({
      options: {
        ...{ port: 0, host: '0.0.0.0', profiles: 1_000_000, seed: 7, directory: resolve('state'), pace: 'fast' },
        time: { startsAt: new Date('2026-01-01T00:00:00Z'), rate: 60 },
        quirks: { cancelReply: 'json', unknownDatasetStatus: 400, echoRequestId: true, defaultSandbox: null },
        adminToken: '0123456789abcdef',
      },
      logLevel: 'debug',
    });
  });

  it.each([
    { EMULATOR_PORT: '-1' },
    { EMULATOR_PORT: '65536' },
    { EMULATOR_PORT: '4010x' },
    { EMULATOR_PROFILES: '50000001' },
    { EMULATOR_PROFILES: '1e6' },
    { LOG_LEVEL: 'loud' },
    { EMULATOR_RANDOM_SEED: '-1' },
    { EMULATOR_PACE: 'quick' },
    { EMULATOR_CLOCK: 'noon' },
    { EMULATOR_QUIRKS: 'cancelReply' },
    { EMULATOR_ADMIN_TOKEN: 'short' },
    { EMULATOR_DIRECTORY: 'state' },
  ])('are rejected as in %j', (environment) => {
    const [name = ''] = Object.keys(environment);
    expect(() => readEnvironment(environment)).toThrow(EnvironmentError);
    expect(() => readEnvironment(environment)).toThrow(name);
    expect(() => readEnvironment(environment)).not.toThrow('Invalid option');
  });

  it.each([
    ['{"defaultSegmentStatus": ["realized", "existing"]}', null],
    ['cancelReply=xml', 'EMULATOR_QUIRKS cancelReply: Invalid option: expected one of "empty"|"json"'],
    ['cancelReplies=json', 'EMULATOR_QUIRKS quirks: Unrecognized key: "cancelReplies"'],
    [
      'unknownDatasetStatus=403,cancelReply=',
      /cancelReply: .*; unknownDatasetStatus: Invalid option: expected one of 400\|404/,
    ],
    ['{"cancelReply": }', 'EMULATOR_QUIRKS is not a JSON object'],
    ['json', 'EMULATOR_QUIRKS must be a JSON object, or comma-separated name=value pairs'],
  ])('are read as quirks from %s, or rejected with the issues', (text, message) => {
    const read = () => readEnvironment({ EMULATOR_QUIRKS: text });
    if (message === null) expect(read().options.quirks).toEqual(JSON.parse(text));
    else expect(read).toThrow(message);
  });

  it('are rejected without revealing the admin token', () => {
    expect(() => readEnvironment({ EMULATOR_ADMIN_TOKEN: 'my secret' })).toThrow(/^(?!.*my secret)/);
  });
});
