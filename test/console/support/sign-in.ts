import type { Page } from 'playwright-core';
import { accessToken, type Emulator, organization } from '../../support/platform.ts';

/** Signs in with a credential of the platform. */
export async function signIn(page: Page, platform: Emulator): Promise<void> {
  await page.getByLabel('Access token').fill(await accessToken(platform));
  await page.getByLabel('API key').fill('emulator');
  await page.getByLabel('Organization').fill(organization);
  await page.getByRole('button', { name: 'Sign in' }).click();
}
