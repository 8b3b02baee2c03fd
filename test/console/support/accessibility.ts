import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';

const axe = fileURLToPath(import.meta.resolve('axe-core/axe.min.js'));

/**
 * Problems of the page for people who use a screen reader, a keyboard or large contrasts, one per line. Empty if axe finds
 * none that is serious or critical.
 */
export async function accessibilityProblems(page: Page): Promise<readonly string[]> {
  const source = await readFile(axe, 'utf8');
  // The policy of the page forbids further scripts. A debugger may evaluate them nevertheless.
  await page.evaluate(source);
  const results = await page.evaluate(async (): Promise<AxeResults> => {
    const { axe } = globalThis as unknown as {
      readonly axe: { run(context: { readonly exclude: readonly string[] }): Promise<AxeResults> };
    };
    // Messages for screen readers stay for some seconds, and can name a button that is gone by then.
    return await axe.run({ exclude: ['[data-live-announcer]'] });
  });
  return results.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}
