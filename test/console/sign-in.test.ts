import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Gateway } from '../support/gateway.ts';
import { accessToken, type Emulator, organization, startPlatform } from '../support/platform.ts';
import { plantedSecret } from '../support/secrets.ts';
import { startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts';
import { accessibilityProblems } from './support/accessibility.ts';
import { phone, startBrowser } from './support/browser.ts';
import { startConsole, startPassthroughConsole } from './support/console.ts';
import { signIn } from './support/sign-in.ts';

let platform: Emulator;
let passthrough: Gateway;

beforeAll(async () => {
  platform = await startPlatform();
  passthrough = await startPassthroughConsole(platform);
});
afterAll(async () => {
  await passthrough.close();
  await platform.close();
});

describe('the sign-in in front of the platform', () => {
  it('asks for what has no default, and explains a rejected token', async () => {
    await using browser = await startBrowser({ screen: phone });
    const { page } = browser;
    await page.goto(`${passthrough.url}/?state=failed`);
    await page.getByLabel('Access token').fill(plantedSecret('rejected'));
    await page.getByRole('button', { name: 'Sign in' }).click();
    expect(await page.getByLabel('API key').evaluate((input) => input.matches(':invalid'))).toBe(true);

    await page.getByLabel('API key').fill('emulator');
    await page.getByLabel('Organization').fill(organization);
    await page.getByRole('button', { name: 'Sign in' }).click();
    const reason = await page.getByRole('alert').innerText();
    // Plain words come first. The message of the gateway follows for those who help.
    expect(reason).toMatch(/Your sign-in is not accepted\. Enter it again\.\s+\S/);
    await browser.picture('sign-in-rejected');
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await page.getByLabel('Organization').inputValue()).toBe(organization);

    await page.getByLabel('Access token').fill(await accessToken(platform));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page
      .getByRole('button', { name: 'Failed', pressed: true })
      .or(page.getByRole('radio', { name: 'Failed', checked: true }))
      .waitFor();
    await page
      .getByRole('row', { name: /Failed/ })
      .first()
      .waitFor();
  });

  it('keeps the entries only in memory, unless the person wants them for the tab', async () => {
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(passthrough.url);
    await browser.picture('sign-in');
    expect(await accessibilityProblems(page)).toEqual([]);
    const stored = () =>
      page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie]));
    await signIn(page, platform);
    await page.getByRole('row', { name: /24060/ }).waitFor();
    expect(await stored()).not.toContain('emulator');
    await page.reload();
    await page.getByText('Keep for this tab').click();
    await signIn(page, platform);
    await page.getByRole('row', { name: /24060/ }).waitFor();
    expect(await stored()).toContain('emulator');
    await page.reload();
    await page.getByRole('row', { name: /24060/ }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Access token').waitFor();
    expect(await stored()).not.toContain('emulator');
    expect(problems).toEqual([]);
  });
});

describe('the sign-in with a token of an issuer', () => {
  let issuer: TokenIssuer;
  let service: Gateway;
  beforeAll(async () => {
    issuer = await startTokenIssuer();
    service = await startConsole({ platform, env: { ...issuer.env(platform), CONSOLE: 'true' } });
  });
  afterAll(async () => {
    await service.close();
    await issuer[Symbol.asyncDispose]();
  });

  it('shows the sign-in again at the same address when the token expires', async () => {
    await using browser = await startBrowser();
    const { page } = browser;
    await page.goto(`${service.url}/?state=succeeded`);
    expect(await page.getByLabel('API key').count()).toBe(0);
    await page.getByLabel('Access token').fill(await issuer.sign({}, { expiresInSeconds: -25 }));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('row', { name: /24060/ }).waitFor();
    // The gateway tolerates 30 seconds, so the token ends now.
    await page.getByRole('alert').waitFor();
    await browser.picture('sign-in-expired');
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(new URL(page.url()).search).toBe('?state=succeeded&sandbox=prod');
  });
});
