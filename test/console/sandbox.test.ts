import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Gateway } from '../support/gateway.ts';
import { accessToken, type Emulator, organization, startPlatform } from '../support/platform.ts';
import { startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts';
import { accessibilityProblems } from './support/accessibility.ts';
import { startBrowser } from './support/browser.ts';
import { startConsole, startPassthroughConsole } from './support/console.ts';
import { signIn } from './support/sign-in.ts';

let platform: Emulator;
let passthrough: Gateway;
let service: Gateway;
let issuer: TokenIssuer;

beforeAll(async () => {
  platform = await startPlatform();
  passthrough = await startPassthroughConsole(platform);
  issuer = await startTokenIssuer();
  service = await startConsole({ platform, env: { ...issuer.env(platform), CONSOLE: 'true' } });
});
afterAll(async () => {
  await service.close();
  await issuer[Symbol.asyncDispose]();
  await passthrough.close();
  await platform.close();
});

/** A job that only the sandbox for development has. */
async function jobOfDevelopment(): Promise<string> {
  const headers = {
    authorization: `Bearer ${await accessToken(platform)}`,
    'x-api-key': 'emulator',
    'x-gw-ims-org-id': organization,
    'x-sandbox-name': 'dev',
  };
  const { data } = await passthrough.send('{ exportJobs(first: 1) { nodes { platformId } } }', {}, headers);
  // The shape of the response is that of the document.
  const { nodes } = (data as { exportJobs: { nodes: { platformId: string }[] } }).exportJobs;
  const [job] = nodes;
  if (job === undefined) throw new Error('The sandbox for development has no job.');
  return job.platformId;
}

describe('a link', () => {
  it('names the sandbox that a person has chosen, on all pages', async () => {
    const job = await jobOfDevelopment();
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(`${passthrough.url}/?state=succeeded&dataset=5b020a27e7040801dedba61b`);
    await signIn(page, platform);
    await page.getByRole('row', { name: /24055/ }).waitFor();
    await page.getByRole('button', { name: /Production/ }).click();
    await page.getByRole('option', { name: /Development/ }).click();
    await page.getByRole('row', { name: new RegExp(job) }).waitFor();
    await page.getByText('Email opt-in').first().waitFor();
    await browser.picture('board-other-sandbox');
    expect(await accessibilityProblems(page)).toEqual([]);
    // A dataset of the other sandbox would leave the list empty.
    expect(new URL(page.url()).search).toBe('?state=succeeded&sandbox=dev');
    await page.getByRole('link', { name: 'Schedules' }).click();
    await page.waitForURL(/\/schedules\?sandbox=dev$/);
    await page.goBack();
    await page.getByRole('row', { name: new RegExp(job) }).click();
    await page.waitForURL(new RegExp(`/exports/${job}\\?sandbox=dev$`));
    await page.getByText('Ended: Succeeded').waitFor();
    expect(problems).toEqual([]);
  });

  it('opens the same list for another person, after the sign-in', async () => {
    const job = await jobOfDevelopment();
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(`${passthrough.url}/?state=succeeded&sandbox=dev`);
    expect(await page.getByLabel('Sandbox').inputValue()).toBe('dev');
    await signIn(page, platform);
    await page.getByRole('row', { name: new RegExp(job) }).waitFor();
    await page.getByRole('button', { name: /Development/ }).waitFor();
    expect(problems).toEqual([]);
  });

  it('into a sandbox that the platform does not know explains it, and offers the others', async () => {
    await using browser = await startBrowser();
    const { page } = browser;
    await page.goto(`${passthrough.url}/?sandbox=nowhere`);
    await signIn(page, platform);
    await page
      .getByText(/The sandbox nowhere is unknown/)
      .first()
      .waitFor();
    await browser.picture('board-unknown-sandbox');
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole('button', { name: /nowhere/ }).click();
    await page.getByRole('option', { name: /Production/ }).click();
    await page.getByRole('row', { name: /24060/ }).waitFor();
  });

  it('names the default of a caller whose token has sandboxes of its own', async () => {
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(service.url);
    await page.getByLabel('Access token').fill(await issuer.sign({ sandboxes: ['dev'] }));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('row', { name: new RegExp(await jobOfDevelopment()) }).waitFor();
    await page.waitForURL(/\/\?sandbox=dev$/);
    expect(problems).toEqual([]);
  });

  it('into a sandbox that the token does not permit leads back to a permitted one', async () => {
    await using browser = await startBrowser();
    const { page } = browser;
    await page.goto(service.url);
    await page.getByLabel('Access token').fill(await issuer.sign({ sandboxes: ['dev'] }));
    await page.getByText('Keep for this tab').click();
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(/\/\?sandbox=dev$/);
    await page.goto(`${service.url}/segment-jobs?sandbox=prod`);
    await page.getByRole('heading', { name: 'You may not use the sandbox prod' }).waitFor();
    await browser.picture('sandbox-forbidden');
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Open your default sandbox' }).click();
    await page.waitForURL(/\/segment-jobs\?sandbox=dev$/);
    await page.getByRole('row').nth(1).waitFor();
  });
});
