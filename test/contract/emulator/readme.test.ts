import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { codeBlocks } from '../../support/markdown.ts';
import { EmulatorProcess, runEmulator } from './emulator-process.ts';

/** Maximum duration of an example, in milliseconds. */
const patienceMs = 20_000;

interface Example {
  readonly section: string;
  readonly script: string;
  /** Variables of the emulator that the example needs. */
  readonly environment: Readonly<Record<string, string>>;
  /** A part of the last response; null when the README has none. */
  readonly response: object | null;
}

const readme = await readFile('src/emulator/README.md', 'utf8');
const blocks = codeBlocks(readme);
const files = blocks.filter(({ file }) => file !== null);

const examples: readonly Example[] = blocks.flatMap(({ section, language, content }, index) => {
  if (language !== 'sh') return [];
  const next = blocks[index + 1];
  const hasResponse = next?.section === section && next.language === 'json' && next.file === null;
  const [, variables = ''] = /^# started with (.+)$/m.exec(content) ?? [];
  const environment = Object.fromEntries(variables.split(' ').filter(Boolean).map(pairOf));
  return [{ section, script: content, environment, response: hasResponse ? JSON.parse(next.content) : null }];
});

/** The value may contain an equals sign. */
function pairOf(assignment: string): readonly [name: string, value: string] {
  const at = assignment.indexOf('=');
  return [assignment.slice(0, at), assignment.slice(at + 1)];
}

/** Lines that every example begins with. */
const prelude = /^BASE=.*?^}$/ms.exec(examples[0]?.script ?? '')?.[0] ?? '';

async function runScript(
  script: string,
  cwd: string,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  const timer = AbortSignal.timeout(patienceMs);
  timer.addEventListener('abort', () => child.kill('SIGKILL'));
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return { code, output };
}

/** The last JSON value in an output of consecutive responses, with or without line breaks. */
function lastResponse(output: string): unknown {
  const starts = [...output.matchAll(/^[{[]|(?<=[}\]])[{[]/gm)].map(({ index }) => index).toReversed();
  for (const start of starts) {
    try {
      return JSON.parse(output.slice(start));
    } catch {
      // An earlier position may be the start of the whole response.
    }
  }
  throw new Error(`There is no response in ${output}`);
}

describe('the README of the emulator', () => {
  it('has an example for each capability, and describes each variable', async () => {
    expect(examples.map(({ section }) => section)).toEqual(
      expect.arrayContaining([
        ...['First export', 'Pace', 'Quirks', 'Clock', 'Received requests', 'Reset', 'Other containers', 'Own data'],
        'Faults',
      ]),
    );
    const { stdout } = await runEmulator({}, ['--help']);
    const variables = [...stdout.matchAll(/^ {2}([A-Z_]+) \(default/gm)].map(([, name]) => name);
    const described = [...readme.matchAll(/^\| `([A-Z_]+)` +\|/gm)].map(([, name]) => name);
    expect(described.toSorted()).toEqual(variables.toSorted());
  });

  it.each(examples)('has a working example: $section', async ({ script, environment, response }) => {
    const folder = await mkdtemp(join(tmpdir(), 'aep-readme-'));
    try {
      for (const { file, content } of files) {
        if (file === null) continue;
        await mkdir(dirname(join(folder, file)), { recursive: true });
        await writeFile(join(folder, file), content);
      }
      const { EMULATOR_SEED: seed, ...others } = environment;
      await using emulator = await EmulatorProcess.start({
        ...(seed === undefined ? { EMULATOR_PROFILES: '100' } : { EMULATOR_SEED: join(folder, seed) }),
        ...others,
      });
      const whole = script.startsWith('BASE=') ? script : `${prelude}\n${script}`;
      const { port } = new URL(emulator.url);
      const { code, output } = await runScript(whole.replaceAll('127.0.0.1:4010', `127.0.0.1:${port}`), folder);
      expect({ code, output }).toMatchObject({ code: 0 });
      const last = lastResponse(output);
      if (response !== null) expect(last).toMatchObject(response);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
