import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Gateway } from '../support/gateway.ts';
import { type Emulator, startSeedingEmulator } from '../support/platform.ts';
import { accessibilityProblems } from './support/accessibility.ts';
import { startBrowser } from './support/browser.ts';
import { startConsole } from './support/console.ts';

let folder: string;
let platform: Emulator;
let gateway: Gateway;

const profile = (firstName: string) => ({
  identityMap: { Email: [{ id: `${firstName}@example.org` }] },
  person: { name: { firstName } },
});
const segment = { id: 'a-names', name: 'Names with A', expression: 'person.name.firstName.startsWith("A")' };

/** A platform with own data has no jobs. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aep-first-'));
  const put = (name: string, ...records: readonly object[]) =>
    writeFile(join(folder, name), records.map((record) => JSON.stringify(record)).join('\n'));
  await put('profiles.jsonl', profile('Ada'), profile('Anton'), profile('Bob'));
  await put('segments.jsonl', segment);
  await put('manifest.json', { sandboxes: { prod: { profiles: ['profiles.jsonl'], segments: ['segments.jsonl'] } } });
  platform = await startSeedingEmulator({ seedFolder: folder, pace: 'fast' });
  gateway = await startConsole({ platform });
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
  await rm(folder, { recursive: true, force: true });
});

it('a person comes from an empty board to a downloaded file', async () => {
  await using browser = await startBrowser();
  const { page, problems } = browser;
  await page.goto(gateway.url);
  await page.getByText('No export jobs yet').waitFor();
  await browser.picture('board-empty');
  expect(await accessibilityProblems(page)).toEqual([]);

  await page.getByRole('link', { name: 'New export' }).first().click();
  await page.getByLabel('Name of the dataset').fill('First export');
  await page.getByRole('button', { name: /All profiles/ }).click();
  await page.getByRole('option', { name: segment.name }).click();
  await page.getByLabel('Paths of the fields').fill('person.name.firstName');
  await page.getByRole('button', { name: 'Start export' }).click();

  await page.waitForURL(/\/exports\/\d+$/);
  await page.getByText('Ended: Succeeded').waitFor();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: /as CSV/ }).click(),
  ]);
  const [, ...rows] = (await readFile(await download.path(), 'utf8')).trim().split('\r\n');
  expect(rows.map((row) => /Ada|Anton|Bob/.exec(row)?.[0]).sort()).toEqual(['Ada', 'Anton']);

  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Export jobs' }).click();
  await page.getByRole('row').filter({ hasText: 'First export' }).filter({ hasText: 'Succeeded' }).waitFor();
  expect(problems).toEqual([]);
});
