import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runProgram } from '../../../src/runtime/command-line.ts';

/** Runs a program with these arguments, and returns its output and effect. */
async function runWith(args: readonly string[]) {
  const printed = { output: '', errors: '', runs: 0 };
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed.output += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    printed.errors += String(text);
    return true;
  });
  const directory = await mkdtemp(join(tmpdir(), 'command-line-'));
  try {
    await writeFile(join(directory, 'package.json'), '{ "name": "any", "version": "1.2.3" }');
    await runProgram(args, {
      usage: 'how to use it\n',
      manifest: pathToFileURL(join(directory, 'package.json')),
      run: async () => {
        printed.runs += 1;
      },
    });
  } finally {
    vi.restoreAllMocks();
    await rm(directory, { recursive: true });
  }
  return printed;
}

describe('a program', () => {
  const codeBefore = process.exitCode;
  afterEach(() => {
    process.exitCode = codeBefore;
  });

  it('runs without arguments', async () => {
    expect(await runWith([])).toEqual({ output: '', errors: '', runs: 1 });
    expect(process.exitCode).toBe(codeBefore);
  });

  it.each(['--help', '-h'])('prints its usage with %s, and does not run', async (argument) => {
    expect(await runWith([argument])).toEqual({ output: 'how to use it\n', errors: '', runs: 0 });
    expect(process.exitCode).toBe(codeBefore);
  });

  it.each(['--version', '-v'])('prints the version of its package with %s, and does not run', async (argument) => {
    expect(await runWith([argument])).toEqual({ output: '1.2.3\n', errors: '', runs: 0 });
    expect(process.exitCode).toBe(codeBefore);
  });

  it('prints its usage when both are requested', async () => {
    expect((await runWith(['-v', '-h'])).output).toBe('how to use it\n');
  });

  it.each(['--token=secret', 'secret', '-s', '--help=secret'])(
    'neither runs with %s nor repeats it',
    async (argument) => {
      expect(await runWith([argument])).toEqual({
        output: '',
        errors: 'unknown arguments; run with --help to list the known ones\n',
        runs: 0,
      });
      expect(process.exitCode).toBe(2);
    },
  );
});
