import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { connectGateway } from '../support/gateway.ts';
import { type GatewayProcess, startProcess } from '../support/gateway-process.ts';
import { type CodeBlock, codeBlocks } from '../support/markdown.ts';
import { pages } from '../support/pages.ts';

const root = resolve(import.meta.dirname, '../..');
/** Address in the documentation. */
const documented = '127.0.0.1:4000';
/** The emulator's README is about another address, and has a test of its own. */
const ownPages = pages.filter((page) => page !== 'src/emulator/README.md');
const blocksOf = async (page: string): Promise<readonly CodeBlock[]> =>
  codeBlocks(await readFile(join(root, page), 'utf8'));

const logLine = z.object({ msg: z.string(), url: z.string() });
const job = z.object({ exportJob: z.object({ status: z.string() }) });

let gateway: GatewayProcess;
let url: string;
let emulatorUrl: string;

// The clock stands still, so that each example finds the job in the state that the page shows.
beforeAll(async () => {
  gateway = startProcess({
    PORT: '0',
    EMULATOR_PROFILES: '10000',
    EMULATOR_CLOCK: '2026-11-02T08:00:00Z',
    POLL_MIN_MS: '100',
    POLL_MAX_MS: '100',
  });
  url = await gateway.ready();
  const listening = gateway.stderr.find((line) => line.includes('the platform emulator is listening'));
  emulatorUrl = logLine.parse(JSON.parse(listening ?? '{}')).url;
});
afterAll(() => gateway[Symbol.asyncDispose]());

async function advance(ms: number): Promise<void> {
  const response = await fetch(`${emulatorUrl}/__admin/clock`, {
    method: 'POST',
    body: JSON.stringify({ advanceMs: ms }),
  });
  expect(response.status).toBe(200);
}

/** Output of a program. */
async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${output}`);
  return output;
}

const here = (script: string): string => script.replaceAll(documented, new URL(url).host);

const shells = (await Promise.all(ownPages.map(async (page) => ({ page, blocks: await blocksOf(page) })))).flatMap(
  ({ page, blocks }) =>
    blocks.flatMap(({ section, language, content }, index) => {
      const next = blocks[index + 1];
      const response = next?.section === section && next.language === 'json' ? next.content : null;
      return language === 'sh' && content.includes('curl') ? [{ page, section, content, response }] : [];
    }),
);

describe('the commands of the documentation', () => {
  it('include a query and a mutation', () => {
    expect(shells.map(({ section }) => section)).toEqual(expect.arrayContaining(['A first query', 'A first export']));
  });

  it.each(shells)('return the response that $page shows: $section', async ({ content, response }) => {
    const output = await outputOf('bash', ['-euo', 'pipefail', '-c', here(content)]);
    const answer: unknown = JSON.parse(output);
    if (response === null) expect(answer).not.toHaveProperty('errors');
    else expect(answer).toEqual(JSON.parse(response));
  });

  it('follow the created job until it ends, with the output that the README shows', async () => {
    const blocks = await blocksOf('README.md');
    const at = blocks.findIndex(({ language }) => language === 'js');
    const shown = blocks[at + 1]?.content.trim().split('\n') ?? [];
    const [, id = ''] = /"(ExportJob:\d+)"/.exec(blocks[at]?.content ?? '') ?? [];
    const statusOf = async () => {
      const { data } = await connectGateway(url).send('query ($id: ID!) { exportJob(id: $id) { status } }', { id });
      return job.parse(data).exportJob.status;
    };
    const folder = await mkdtemp(join(tmpdir(), 'aep-readme-'));
    try {
      await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
      await writeFile(join(folder, 'watch.mjs'), here(blocks[at]?.content ?? ''));
      const child = spawn(process.execPath, [join(folder, 'watch.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = once(child, 'close');
      const lines: string[] = [];
      for await (const line of createInterface({ input: child.stdout })) {
        lines.push(line);
        if (line.includes('SNAPSHOT')) while ((await statusOf()) === 'NEW') await advance(250);
        else if (line.includes('"status":"PROCESSING"')) await advance(60_000);
      }
      expect(await ended).toEqual([0, null]);
      // The poller can also see a job twice in the same status, while its other fields change.
      expect(lines.filter((line) => shown.includes(line))).toEqual(shown);
      expect([lines[0], lines.at(-1)]).toEqual([shown[0], shown.at(-1)]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
