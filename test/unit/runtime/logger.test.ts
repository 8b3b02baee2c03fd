import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { createLogger, type LogLevel, logLevels } from '../../../src/runtime/logger.ts';

function setUp(level?: LogLevel) {
  const lines: string[] = [];
  const logger = createLogger({
    ...(level === undefined ? {} : { level }),
    destination: { write: (line) => void lines.push(line) },
  });
  return { logger, lines, entries: (): Record<string, unknown>[] => lines.map((line) => JSON.parse(line)) };
}

describe('the log', () => {
  it('has one JSON object per line, with level, time and message', () => {
    const { logger, lines, entries } = setUp();
    logger.info({ port: 4000 }, 'two\nlines');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^[^\n]+\n$/);
    expect(entries()).toEqual([{ level: 'info', time: expect.any(String), port: 4000, msg: 'two\nlines' }]);
    expect(new Date(String(entries()[0]?.['time'])).getTime()).not.toBeNaN();
  });

  it.each(logLevels)('omits less severe lines at level %s', (level) => {
    const { logger, entries } = setUp(level);
    for (const each of ['debug', 'info', 'warn', 'error'] as const) logger[each](each);
    const severity = logLevels.indexOf(level);
    const expected = (['error', 'warn', 'info', 'debug'] as const).filter((each) => {
      return level !== 'silent' && logLevels.indexOf(each) <= severity;
    });
    expect(entries().map((entry) => entry['msg'])).toEqual(expected.toReversed());
  });

  it('contains message, stack and causes of an error, and none of its other properties', () => {
    const { logger, lines, entries } = setUp();
    const cause = Object.assign(new TypeError('inner'), { code: 'ECONNRESET', headers: { authorization: 'secret' } });
    const error = Object.assign(new AggregateError([new Error('part'), 'text'], 'outer', { cause }), {
      request: { headers: 'secret' },
      code: 5,
    });
    logger.error({ err: error }, 'failed');
    expect(lines.join()).not.toContain('secret');
    expect(entries()[0]?.['err']).toEqual({
      name: 'AggregateError',
      message: 'outer',
      stack: error.stack,
      cause: { name: 'TypeError', message: 'inner', code: 'ECONNRESET', stack: cause.stack },
      errors: [{ name: 'Error', message: 'part', stack: expect.any(String) }, { message: 'text' }],
    });
  });

  it.each(['text', null, undefined, 5])('accepts %s in place of an error', (value) => {
    const { logger, entries } = setUp();
    logger.error({ err: value }, 'failed');
    expect(entries()).toMatchObject([{ msg: 'failed' }]);
  });

  it('stops at circular causes', () => {
    const { logger, entries } = setUp();
    const error = new Error('outer');
    error.cause = new AggregateError([error], 'inner', { cause: error });
    logger.error({ err: error }, 'failed');
    expect(entries()).toMatchObject([{ err: { message: 'outer', cause: { message: 'inner' } } }]);
  });

  it.each(['process.exit()', "throw new Error('fault')", "process.kill(process.pid, 'SIGKILL')"])(
    'contains an error of the last turn, and the lines before it, after %s',
    async (end) => {
      const entries = await loggedByProgram(`log.info('before'); log.error('error'); log.info('after'); ${end}`);
      const isKilled = end.includes('SIGKILL');
      expect(entries.map(({ msg }) => msg)).toEqual(isKilled ? ['before', 'error'] : ['before', 'error', 'after']);
    },
  );
});

it('does not end a program whose lines cannot be written', async () => {
  await using full = await open('/dev/full', 'w');
  const program = programOf(`
    for (let turn = 0; turn < 100; turn += 1) {
      log.info('x'.repeat(50_000));
      log.error('error');
      await new Promise((resolve) => setImmediate(resolve));
    }
    process.stdout.write('end');`);
  const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', full.fd] });
  assert(child.stdout !== null);
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  expect({ output, code }).toEqual({ output: 'end', code: 0 });
});

/** Lines that a program writes to standard error with the logger `log`, before it ends by itself. */
async function loggedByProgram(statements: string): Promise<readonly { readonly msg: string }[]> {
  const child = spawn(process.execPath, programOf(statements), { stdio: ['ignore', 'ignore', 'pipe'] });
  const [output] = await Promise.all([text(child.stderr), once(child, 'close')]);
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line));
}

/** Arguments of Node for a program with a logger `log`. */
function programOf(statements: string): readonly string[] {
  const logger = new URL('../../../src/runtime/logger.ts', import.meta.url).href;
  const program = `import { createLogger } from '${logger}'; const log = createLogger(); ${statements}`;
  return ['--import', 'tsx', '--input-type=module', '--eval', program];
}
