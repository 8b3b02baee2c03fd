import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { afterEach, describe, expect, it } from 'vitest';
import { everyStage } from '../support/pace.ts';
import { accessibilityProblems } from './support/accessibility.ts';
import { phone, startBrowser } from './support/browser.ts';
import { serveConsole } from './support/console.ts';
import { startExport } from './support/exports.ts';

const served = serveConsole();
afterEach(() => served.platform.setPace(everyStage([0, 0])));

const jobUrl = (id: string) => new URL(`/exports/${id}`, served.gateway.url).href;

/** Opens the page of a new export, whose stages take 15 seconds each. */
async function openRunningJob(page: Page): Promise<void> {
  // The browser has loaded all files before the job starts.
  await page.goto(jobUrl('24060'));
  await page.getByText('Ended: Succeeded').waitFor();
  served.platform.setPace(everyStage([15_000, 15_000]));
  await page.goto(jobUrl(await startExport(served.gateway)));
}

describe('the job page', () => {
  it.each([
    ['desktop', {}],
    ['desktop-dark', { colors: 'dark' as const }],
    ['phone', { screen: phone }],
  ])('shows an ended job without problems of accessibility or of the policy: %s', async (name, options) => {
    await using browser = await startBrowser(options);
    const { page, problems } = browser;
    await page.goto(jobUrl('24057'));
    await page.getByRole('heading', { name: 'Gold tier' }).waitFor();
    await page.getByRole('button', { name: 'Preview' }).first().click();
    await page.getByRole('columnheader', { name: 'person.name.firstName' }).waitFor();
    await browser.picture(`job-${name}`);
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
    expect(problems).toEqual([]);
  });

  it('follows a job to its end, and offers its rows as CSV', async () => {
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await openRunningJob(page);
    await page.getByRole('button', { name: 'Cancel job' }).waitFor();
    // The caller of an embedded gateway has this name, and the dataset that of the credential.
    await page.getByText('embedded', { exact: true }).waitFor();
    await page.getByText(/^created by .*@/).waitFor();
    await browser.picture('job-running');
    expect(await accessibilityProblems(page)).toEqual([]);
    served.platform.setPace(everyStage([0, 0]));
    await page.getByText('Ended: Succeeded').waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: /as CSV/ }).click(),
    ]);
    const csv = await readFile(await download.path(), 'utf8');
    expect(csv.split('\r\n')[0]).toBe('person');
    expect(csv.split('\r\n').length).toBeGreaterThan(100);
    await page.getByRole('table').filter({ hasText: 'Email' }).first().waitFor();
    await browser.picture('job-ended');
    expect(problems).toEqual([]);
  });

  it('cancels a job only after a confirmation', async () => {
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await openRunningJob(page);
    const cancel = page.getByRole('button', { name: 'Cancel job' });
    await cancel.click();
    const dialog = page.getByRole('alertdialog');
    await dialog.waitFor();
    await browser.picture('job-cancel');
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    expect(await page.getByText('Cancelled').count()).toBe(0);
    await cancel.click();
    await dialog.getByRole('button', { name: 'Cancel job' }).click();
    await served.platform.setPace(everyStage([0, 0]));
    await page
      .getByText('Ended: Cancelled')
      .or(page.locator('.pill', { hasText: 'Cancelled' }))
      .first()
      .waitFor();
    expect(problems).toEqual([]);
  });

  it('runs a job again, and leads to the new job', async () => {
    const id = await startExport(served.gateway);
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(jobUrl(id));
    await page.getByText('Ended: Succeeded').waitFor();
    await page.getByRole('button', { name: 'Run again' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Run again' }).click();
    await page.waitForURL((url) => /\/exports\/\d+$/.test(url.pathname) && !url.pathname.endsWith(id));
    await page.getByText('Ended: Succeeded').waitFor();
    await page.getByRole('link', { name: `Job ${id}` }).waitFor();
    expect(problems).toEqual([]);
  });

  it.each([
    ['desktop', {}],
    ['desktop-dark', { colors: 'dark' as const }],
    ['phone', { screen: phone }],
  ])('offers a new export instead of a run whose request is not known: %s', async (name, options) => {
    await using browser = await startBrowser(options);
    const { page, problems } = browser;
    await page.goto(jobUrl('24060'));
    await page.getByRole('button', { name: 'Run again' }).click();
    const dialog = page.getByRole('alertdialog');
    await dialog.getByRole('button', { name: 'Run again' }).click();
    await dialog.getByRole('heading', { name: 'Job 24060 cannot be run again' }).waitFor();
    await dialog.getByText('Segments', { exact: true }).waitFor();
    await dialog.getByText('Paths of the fields', { exact: true }).waitFor();
    const begin = dialog.getByRole('link', { name: 'Start a new export' });
    expect(await begin.evaluate((link) => link === document.activeElement)).toBe(true);
    expect(await dialog.getByRole('button').allTextContents()).toEqual(['Back']);
    // Names of the API have capital letters inside, or dots between their parts.
    expect(await dialog.innerText()).not.toMatch(/[a-z][A-Z]|\w\.\w/);
    await browser.picture(`job-rerun-rejected-${name}`);
    expect(await accessibilityProblems(page)).toEqual([]);
    // The answer does not change, so the action is not offered again.
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: 'Run again' }).click();
    await begin.click();
    await page.getByText('Filled in from job 24060').waitFor();
    await page.getByRole('button', { name: /Segment Export/ }).waitFor();
    await page.getByRole('row', { name: 'Email opt-in' }).waitFor();
    await browser.wholePicture(`create-filled-${name}`);
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
    await page.getByRole('button', { name: 'Start export' }).click();
    await page.waitForURL((url) => /\/exports\/\d+$/.test(url.pathname) && !url.pathname.endsWith('24060'));
    expect(problems).toEqual([]);
  });

  it('explains a failure, with the id for support', async () => {
    const { data } = await served.gateway.send(
      '{ exportJobs(first: 1, filter: { statuses: [FAILED] }) { nodes { platformId requestId } } }',
    );
    // The shape of the response is that of the document.
    const { nodes } = (data as { exportJobs: { nodes: { platformId: string; requestId: string }[] } }).exportJobs;
    const [failed] = nodes;
    if (failed === undefined) throw new Error('The seeded state has no failed job.');
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(jobUrl(failed.platformId));
    const errors = page.getByRole('region', { name: 'What went wrong' });
    await errors.getByText(failed.requestId).waitFor();
    await browser.picture('job-failed');
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(problems).toEqual([]);
  });

  it('opens its query in GraphiQL', async () => {
    await using browser = await startBrowser();
    const { page } = browser;
    await page.goto(jobUrl('24060'));
    const [opened] = await Promise.all([
      page.waitForEvent('popup'),
      page.getByRole('link', { name: 'As GraphQL' }).click(),
    ]);
    await opened.getByText('ExportJobPage').first().waitFor();
    const query = new URL(opened.url()).searchParams.get('query') ?? '';
    const { errors, data } = await served.gateway.send(query);
    expect(errors).toEqual([]);
    expect(data).toEqual({ exportJob: expect.objectContaining({ platformId: '24060' }) });
  });

  it('says that a job does not exist', async () => {
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(jobUrl('1'));
    await page.getByRole('heading', { name: 'This job does not exist' }).waitFor();
    await browser.picture('job-not-found');
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(problems).toEqual([]);
  });
});
