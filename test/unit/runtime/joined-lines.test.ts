import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { JoinedLines } from '../../../src/runtime/joined-lines.ts';

function setUp() {
  const writes: string[] = [];
  return { writes, lines: new JoinedLines({ write: (text) => void writes.push(text) }) };
}

it('the lines of a turn are one write at its end', async () => {
  const { writes, lines } = setUp();
  lines.write('one\n', false);
  await Promise.resolve();
  lines.write('two\n', false);
  expect(writes).toEqual([]);
  await setImmediate();
  expect(writes).toEqual(['one\ntwo\n']);
  lines.write('three\n', false);
  await setImmediate();
  expect(writes).toEqual(['one\ntwo\n', 'three\n']);
});

it('an urgent line is written at once, after the lines before it', async () => {
  const { writes, lines } = setUp();
  lines.write('before\n', false);
  lines.write('urgent\n', true);
  lines.write('after\n', false);
  expect(writes).toEqual(['before\nurgent\n']);
  await setImmediate();
  expect(writes).toEqual(['before\nurgent\n', 'after\n']);
});

it('waiting lines are bounded', () => {
  const { writes, lines } = setUp();
  const line = `${'x'.repeat(1_023)}\n`;
  for (let count = 0; count < 65; count += 1) lines.write(line, false);
  expect(writes.map(({ length }) => length)).toEqual([64 * 1_024]);
});
