import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { startPlatform } from '../support/platform.ts';
import { startBrowser } from './support/browser.ts';
import { consoleFolder, startConsole } from './support/console.ts';

/** Maximum size of the JavaScript of a page with gzip, in bytes. */
const maxBytes = 250_000;

it('loads at most 250 KB of compressed JavaScript for each page', async () => {
  // The build has written the manifest.
  const { assets } = JSON.parse(await readFile(new URL('manifest.json', consoleFolder), 'utf8')) as {
    readonly assets: Readonly<Record<string, { readonly bytes: { readonly gzip: number } }>>;
  };
  await using platform = await startPlatform();
  await using gateway = await startConsole({ platform });
  const sizes: Record<string, number> = {};
  for (const path of ['/', '/segment-jobs', '/exports/24060', '/exports/new', '/schedules', '/history']) {
    await using browser = await startBrowser();
    const { page } = browser;
    await page.goto(new URL(path, gateway.url).href);
    await page.getByRole('heading', { level: 1 }).waitFor();
    const loaded = await page.evaluate(() =>
      performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname),
    );
    const scripts = [...new Set(loaded)].filter((name) => name.endsWith('.js'));
    expect(scripts.length).toBeGreaterThan(1);
    sizes[path] = scripts.reduce((sum, name) => sum + (assets[name]?.bytes.gzip ?? 0), 0);
  }
  const lines = Object.entries(sizes).map(([path, bytes]) => `${path} ${(bytes / 1_000).toFixed(0)} KB`);
  process.stderr.write(`JavaScript with gzip: ${lines.join(', ')}\n`);
  expect(Object.entries(sizes).filter(([, bytes]) => bytes > maxBytes)).toEqual([]);
});
