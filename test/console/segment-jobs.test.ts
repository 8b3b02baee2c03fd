import { afterEach, describe, expect, it } from 'vitest';
import { everyStage } from '../support/pace.ts';
import { goldTier } from '../support/platform.ts';
import { accessibilityProblems } from './support/accessibility.ts';
import { phone, startBrowser } from './support/browser.ts';
import { serveConsole } from './support/console.ts';

const served = serveConsole();
afterEach(() => served.platform.setPace(everyStage([0, 0])));

const urlOf = (path: string) => new URL(path, served.gateway.url).href;

/** Starts an evaluation of one segment, and returns its id at the platform. */
async function startSegmentJob(): Promise<string> {
  const { data } = await served.gateway.send(`mutation {
    createSegmentJob(input: { segmentIds: ["${goldTier}"] }) {
      ... on CreateSegmentJobPayload { segmentJob { platformId } }
    }
  }`);
  // The shape of the response is that of the document.
  return (data as { createSegmentJob: { segmentJob: { platformId: string } } }).createSegmentJob.segmentJob.platformId;
}

describe('the board of segment jobs', () => {
  it.each([
    ['desktop', {}],
    ['phone-dark', { screen: phone, colors: 'dark' as const }],
  ])('shows evaluations without problems of accessibility: %s', async (name, options) => {
    await using browser = await startBrowser(options);
    const { page, problems } = browser;
    await page.goto(urlOf('/segment-jobs'));
    await page.getByRole('row').filter({ hasText: 'Daily segmentation' }).first().waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    await browser.picture(`segment-board-${name}`);
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
    expect(problems).toEqual([]);
  });
});

describe('the page of a segment job', () => {
  it.each([
    ['desktop', {}],
    ['desktop-dark', { colors: 'dark' as const }],
    ['phone-dark', { screen: phone, colors: 'dark' as const }],
  ])('shows an ended evaluation of a schedule: %s', async (name, options) => {
    await using browser = await startBrowser(options);
    const { page, problems } = browser;
    await page.goto(urlOf('/segment-jobs?state=succeeded'));
    await page.getByRole('row').filter({ hasText: 'Daily segmentation' }).first().click();
    await page.getByRole('region', { name: 'Evaluated segments' }).getByText('Gold tier').waitFor();
    await page.getByRole('link', { name: 'Daily segmentation' }).waitFor();
    const timeline = page.getByRole('region', { name: 'Timeline' });
    await timeline.getByText('Evaluating the segments').waitFor();
    await timeline.getByText('Ended: Succeeded').waitFor();
    await browser.wholePicture(`segment-job-${name}`);
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
    await page.getByRole('link', { name: 'History of these runs' }).click();
    await page.getByText(/^Runs of the same schedule or request/).waitFor();
    await page.getByRole('region', { name: 'Runs, newest first' }).getByRole('row').nth(5).waitFor();
    expect(problems).toEqual([]);
  });

  it('follows a job to its end, and names its requester', async () => {
    served.platform.setPace(everyStage([15_000, 15_000]));
    const id = await startSegmentJob();
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(urlOf(`/segment-jobs/${id}`));
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByText('Requested by').waitFor();
    await page.getByText('embedded', { exact: true }).waitFor();
    const timeline = page.getByRole('region', { name: 'Timeline' });
    await timeline.getByText('Waiting').waitFor();
    await browser.picture('segment-job-running');
    expect(await accessibilityProblems(page)).toEqual([]);
    served.platform.setPace(everyStage([0, 0]));
    await page.getByText('Succeeded', { exact: true }).first().waitFor();
    await timeline.getByText('Started to evaluate the segments').waitFor();
    await timeline.getByText('Ended: Succeeded').waitFor();
    await page.getByRole('table').filter({ hasText: 'Email' }).waitFor();
    expect(problems).toEqual([]);
  });

  it('says that a job does not exist', async () => {
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(urlOf('/segment-jobs/1'));
    await page.getByRole('heading', { name: 'This segment job does not exist' }).waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(problems).toEqual([]);
  });
});

describe('an address without a page', () => {
  it.each([
    ['light', {}],
    ['dark', { screen: phone, colors: 'dark' as const }],
  ])('is explained: %s', async (name, options) => {
    await using browser = await startBrowser(options);
    const { page, problems } = browser;
    await page.goto(urlOf('/exports/24060/batches'));
    await page.getByRole('heading', { name: 'Page not found' }).waitFor();
    await browser.picture(`no-page-${name}`);
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole('link', { name: 'Go to the export jobs' }).click();
    await page.getByRole('row', { name: /24060/ }).waitFor();
    expect(problems).toEqual([]);
  });
});
