import { describe, expect, it } from 'vitest';
import { accessibilityProblems } from './support/accessibility.ts';
import { phone, startBrowser } from './support/browser.ts';
import { serveConsole } from './support/console.ts';
import { startExport } from './support/exports.ts';

const served = serveConsole();

describe('the board', () => {
  it.each([
    ['desktop', {}],
    ['desktop-dark', { colors: 'dark' as const }],
    ['phone', { screen: phone }],
    ['phone-dark', { screen: phone, colors: 'dark' as const }],
  ])('shows the jobs without problems of accessibility or of the policy: %s', async (name, options) => {
    await using browser = await startBrowser(options);
    const { page, problems } = browser;
    await page.goto(served.gateway.url);
    await page.getByRole('row', { name: /24060/ }).waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    // Names are read after the rows.
    await page.getByText('Segment Export').first().waitFor();
    await browser.picture(`board-${name}`);
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
    expect(problems).toEqual([]);
  });

  it('shows a job as soon as it starts, and follows it to its end', async () => {
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(served.gateway.url);
    await page.getByRole('row', { name: /24060/ }).waitFor();
    const id = await startExport(served.gateway);
    const row = page.getByRole('row', { name: new RegExp(id) });
    await row.getByText('Succeeded').waitFor();
    // The name of the dataset is read after the event.
    await row.getByText('From a test').waitFor();
    await row.getByText('embedded').waitFor();
    expect(problems).toEqual([]);
  });

  it.each([
    ['exportJobs', '/'],
    ['segmentJobs', '/segment-jobs'],
  ])('shows only the jobs of a period, also to another person who opens the link: %s', async (field, path) => {
    const { data } = await served.gateway.send(`{ ${field}(first: 40) { nodes { platformId createdAt } } }`);
    // The shape of the response is that of the document.
    const { nodes } = (data as Record<string, { nodes: { platformId: string; createdAt: string }[] }>)[field] ?? {
      nodes: [],
    };
    // A job that a schedule starts meanwhile moves all rows down. The last one of these stays in view.
    const [last, after, before] = [nodes[2], nodes[6], nodes[9]];
    if (last === undefined || after === undefined || before === undefined)
      throw new Error('The platform has too few jobs.');
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(new URL(path, served.gateway.url).href);
    await page.getByRole('row', { name: new RegExp(before.platformId) }).waitFor();
    await page.getByRole('button', { name: 'Any time' }).click();
    // The fields have whole minutes.
    await page.getByLabel('Created after').fill(after.createdAt.slice(0, 16));
    await page.getByLabel('Created before').fill(last.createdAt.slice(0, 16));
    await browser.picture(`period-${field}`);
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.getByText('4 jobs').waitFor();
    await page.getByRole('row', { name: new RegExp(after.platformId) }).waitFor();
    expect(await page.getByRole('row', { name: new RegExp(before.platformId) }).count()).toBe(0);
    await using other = await startBrowser({ screen: phone });
    await other.page.goto(page.url());
    await other.page.getByText('4 jobs').waitFor();
    expect([...problems, ...other.problems]).toEqual([]);
  });
});
