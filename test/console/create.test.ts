import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { accessibilityProblems } from './support/accessibility.ts';
import { phone, startBrowser } from './support/browser.ts';
import { serveConsole } from './support/console.ts';

const served = serveConsole();

describe('the form of a new export', () => {
  it('starts an export, which ends, can be examined and downloaded', async () => {
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(served.gateway.url);
    await page.getByRole('link', { name: 'New export' }).click();
    await page.getByLabel('Name of the dataset').fill('Gold members');
    await page.getByRole('button', { name: /All profiles/ }).click();
    await page.getByRole('searchbox').fill('gold');
    await page.getByRole('option', { name: 'Gold tier' }).click();
    await page.getByRole('row', { name: 'Gold tier' }).waitFor();
    await page.getByRole('button', { name: 'Add the field person.name.firstName' }).click();
    await browser.picture('create-desktop');
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Start export' }).click();
    await page.waitForURL(/\/exports\/\d+$/);
    await page.getByText('Ended: Succeeded').waitFor();
    await page.getByText('Gold members').first().waitFor();
    await page.getByRole('button', { name: 'Preview' }).click();
    await page.getByRole('columnheader', { name: 'person.name.firstName' }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: /as CSV/ }).click(),
    ]);
    const rows = (await readFile(await download.path(), 'utf8')).trim().split('\r\n');
    expect(rows[0]).toBe('person');
    expect(rows.length).toBeGreaterThan(1);
    expect(problems).toEqual([]);
  });

  it('shows each problem at its field, and accepts the corrected form', async () => {
    await using browser = await startBrowser({ screen: phone, colors: 'dark' });
    const { page, problems } = browser;
    await page.goto(new URL('/exports/new', served.gateway.url).href);
    await page.getByLabel('Paths of the fields').fill('person.name a;b');
    await page.getByText('Include events').click();
    await page.getByLabel('Events after').fill('2026-02-01T00:00');
    await page.getByLabel('Events before').fill('2026-01-01T00:00');
    await page.getByRole('button', { name: 'Start export' }).click();
    const name = page.getByLabel('Name of the dataset');
    const describedBy = async () => {
      const ids = (await name.getAttribute('aria-describedby')) ?? '';
      const texts = ids.split(' ').map((id) => page.locator(`[id="${id}"]`).textContent());
      return (await Promise.all(texts)).join(' ');
    };
    await page.getByText('must be later than “Events after”').waitFor();
    expect(await describedBy()).toContain('must not be empty');
    await browser.picture('create-rejected-phone-dark');
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
    await name.fill('Corrected');
    await page.getByLabel('Paths of the fields').fill('person.name');
    await page.getByLabel('Events before').fill('2026-03-01T00:00');
    await page.getByRole('button', { name: 'Start export' }).click();
    await page.waitForURL(/\/exports\/\d+$/);
    expect(problems).toEqual([]);
  });

  it('says that an earlier job cannot be read, and can be filled in nevertheless', async () => {
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(new URL('/exports/new?job=1', served.gateway.url).href);
    await page.getByText('Job 1 could not be read, so the form is empty').waitFor();
    await browser.picture('create-not-filled');
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByLabel('Name of the dataset').fill('Entered');
    await page.getByRole('button', { name: 'Start export' }).click();
    await page.waitForURL(/\/exports\/\d+$/);
    expect(problems).toEqual([]);
  });

  it('takes a year with four digits as complete', async () => {
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(new URL('/exports/new', served.gateway.url).href);
    const field = page.getByLabel('Only profiles that changed after');
    // The month has the focus at first.
    await field.focus();
    await page.keyboard.type('0201202612');
    await page.keyboard.type('30AM');
    expect(await field.inputValue()).toBe('2026-02-01T00:30');
    expect(problems).toEqual([]);
  });

  it('starts nothing while a time is incomplete', async () => {
    await using browser = await startBrowser();
    const { page, problems } = browser;
    await page.goto(new URL('/exports/new', served.gateway.url).href);
    await page.getByLabel('Name of the dataset').fill('Of all profiles');
    const field = page.getByLabel('Only profiles that changed after');
    await field.focus();
    await page.keyboard.type('02012026');
    await page.getByRole('button', { name: 'Start export' }).click();
    expect(await field.evaluate((input) => input === document.activeElement)).toBe(true);
    await browser.picture('create-incomplete');
    await field.fill('2026-02-01T00:30');
    await page.getByRole('button', { name: 'Start export' }).click();
    await page.waitForURL(/\/exports\/\d+$/);
    expect(problems).toEqual([]);
  });
});
