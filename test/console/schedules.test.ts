import { describe, expect, it } from 'vitest';
import { accessibilityProblems } from './support/accessibility.ts';
import { phone, startBrowser } from './support/browser.ts';
import { serveConsole } from './support/console.ts';

const served = serveConsole();

const schedules = () => new URL('/schedules', served.gateway.url).href;

describe('the schedules', () => {
  it('are explained, changed and switched off', async () => {
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(schedules());
    await page.getByRole('button', { name: 'Change the time' }).first().click();
    const time = page.getByLabel('Cron expression, in UTC');
    await time.fill('0 0');
    await page.getByText('This expression cannot be explained').waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.locator('.field-error').waitFor();
    await browser.picture('schedules-rejected');
    expect(await accessibilityProblems(page)).toEqual([]);
    await time.fill('0 45 4 ? * MON');
    await page.getByText('At 04:45, only on Monday, in UTC').waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    await page.getByText('0 45 4 ? * MON').waitFor();
    await page
      .getByText(/Mon, .*04:45/)
      .first()
      .waitFor();
    await page.getByText('Active', { exact: true }).first().click();
    await page.getByText('None while the schedule is inactive.').first().waitFor();
    expect(problems).toEqual([]);
  });

  it('fit on a phone', async () => {
    await using browser = await startBrowser({ screen: phone, colors: 'dark' });
    const { page, problems } = browser;
    await page.goto(schedules());
    await page.getByRole('heading', { level: 2 }).first().waitFor();
    await browser.picture('schedules-phone-dark');
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
    expect(problems).toEqual([]);
  });
});
