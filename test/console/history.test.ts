import { describe, expect, it } from 'vitest';
import { accessibilityProblems } from './support/accessibility.ts';
import { phone, startBrowser } from './support/browser.ts';
import { serveConsole } from './support/console.ts';
import { startExport } from './support/exports.ts';

const served = serveConsole();

/** Runs an export of other fields into the dataset of a job to its end. */
async function startOtherExport(job: string): Promise<void> {
  const { data } = await served.gateway.send(`{ awaitExportJob(id: "${job}") { job { destination { datasetId } } } }`);
  // The shapes of the responses are those of the documents.
  const { awaitExportJob: awaited } = data as { awaitExportJob: { job: { destination: { datasetId: string } } } };
  const { data: created } = await served.gateway.send(`mutation {
    createExportJob(input: {
      fields: ["personalEmail"], destination: { target: { datasetId: "${awaited.job.destination.datasetId}" } }
    }) { ... on CreateExportJobPayload { exportJob { platformId } } }
  }`);
  const { platformId } = (created as { createExportJob: { exportJob: { platformId: string } } }).createExportJob
    .exportJob;
  const { errors } = await served.gateway.send(`{ awaitExportJob(id: "${platformId}") { ended } }`);
  expect(errors).toEqual([]);
}

const urlOf = (path: string) => new URL(path, served.gateway.url).href;

describe('the history', () => {
  it.each([
    ['desktop', {}],
    ['desktop-dark', { colors: 'dark' as const }],
    ['phone', { screen: phone }],
    ['phone-dark', { screen: phone, colors: 'dark' as const }],
  ])('shows durations, outcomes and changes of all exports: %s', async (name, options) => {
    await using browser = await startBrowser(options);
    const { page, problems } = browser;
    await page.goto(urlOf('/history'));
    await page.getByRole('heading', { name: 'The last 30 runs' }).waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    expect(await page.getByRole('img', { name: /Durations of 30 runs/ }).count()).toBe(1);
    // The head is a row too.
    expect(await page.getByRole('region', { name: 'Runs, newest first' }).getByRole('row').count()).toBe(31);
    await browser.wholePicture(`history-${name}`);
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
    expect(problems).toEqual([]);
  });

  it('of an export contains only runs of the same request, and new ones as soon as they end', async () => {
    const first = await startExport(served.gateway);
    await startOtherExport(first);
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(urlOf(`/exports/${first}`));
    await page.getByText('Ended: Succeeded').waitFor();
    await page.getByRole('link', { name: 'History of this export' }).click();
    await page.getByRole('heading', { name: 'The last run', exact: true }).waitFor();
    await page.getByRole('link', { name: first, exact: true }).waitFor();
    const { data } = await served.gateway.send(`mutation {
      rerunExportJob(id: "${first}") { ... on CreateExportJobPayload { exportJob { platformId } } }
    }`);
    // The shape of the response is that of the document.
    const { platformId } = (data as { rerunExportJob: { exportJob: { platformId: string } } }).rerunExportJob.exportJob;
    await page.getByRole('link', { name: platformId, exact: true }).waitFor();
    await page.getByRole('heading', { name: 'The last 2 runs' }).waitFor();
    await page.getByRole('button', { name: 'Show all runs' }).click();
    await page.getByRole('heading', { name: 'The last 30 runs' }).waitFor();
    expect(problems).toEqual([]);
  });

  it('of a schedule contains the segment jobs that it started', async () => {
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(urlOf('/schedules'));
    await page.getByRole('link', { name: 'History of its runs' }).first().click();
    await page.getByRole('button', { name: /Daily segmentation/ }).waitFor();
    await page.getByRole('region', { name: 'Runs, newest first' }).getByRole('row').nth(5).waitFor();
    await page
      .getByRole('button', { name: 'Segment jobs', pressed: true })
      .or(page.getByRole('radio', { name: 'Segment jobs', checked: true }))
      .waitFor();
    await browser.wholePicture('history-schedule');
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(problems).toEqual([]);
  });
});
