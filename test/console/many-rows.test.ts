import { describe, expect, it } from 'vitest';
import { startJobBoard } from '../support/job-board.ts';
import { accessibilityProblems } from './support/accessibility.ts';
import { startBrowser } from './support/browser.ts';
import { startConsole } from './support/console.ts';
import { processTimeMs } from './support/process-time.ts';

const jobs = Array.from({ length: 500 }, (_, index) => ({ id: String(10_000 + index), progress: index }));

/** Share of a core that the page may use while nothing changes, and the time for which it is measured. */
const idleShare = 0.05;
const idleMs = 10_000;

describe('500 running jobs', () => {
  it('are one table by keyboard and screen reader, of which only the visible rows exist', async () => {
    await using platform = await startJobBoard(...jobs);
    await using gateway = await startConsole({ platform });
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(gateway.url);
    await page.getByText(/^500\+? jobs$/).waitFor();
    const table = page.getByRole('grid', { name: /Export jobs/ });
    // The head is a row too.
    expect(await table.getAttribute('aria-rowcount')).toBe('501');
    expect(await table.getByRole('row').count()).toBeLessThan(60);

    await table.getByRole('row').nth(1).focus();
    await page.keyboard.press('End');
    await page.getByRole('row', { name: /10000/ }).waitFor();
    const [first = jobs[0], ...others] = jobs;
    platform.set({ id: '10000', status: 'SUCCEEDED', progress: 1_000_000 });
    await page.getByRole('row', { name: /10000/ }).getByText('Succeeded').waitFor();
    await browser.picture('board-500');
    expect(await accessibilityProblems(page)).toEqual([]);
    expect([first?.id, others.length]).toEqual(['10000', 499]);
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/exports\/10000$/);
    await page.goBack();
    expect(problems).toEqual([]);
  });

  it('leave the processor idle while nothing changes', async () => {
    await using platform = await startJobBoard(...jobs);
    await using gateway = await startConsole({ platform });
    await using browser = await startBrowser();
    const { page } = browser;
    await page.goto(gateway.url);
    await page.getByText(/^500\+? jobs$/).waitFor();
    await page.waitForTimeout(3_000);
    const before = await processTimeMs(page);
    await page.waitForTimeout(idleMs);
    const after = await processTimeMs(page);
    const usedMs =
      Object.values(after).reduce((sum, ms) => sum + ms, 0) - Object.values(before).reduce((sum, ms) => sum + ms, 0);
    process.stderr.write(`CPU of Chromium with 500 live rows: ${((100 * usedMs) / idleMs).toFixed(1)} % of a core\n`);
    expect(usedMs / idleMs).toBeLessThan(idleShare);
  });
});
