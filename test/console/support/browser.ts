import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

/** Chromium of Debian: `apt-get install chromium`. */
const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Screenshots of the run. Git ignores the folder. */
const screenshots = fileURLToPath(new URL('../../../test-output/console/', import.meta.url));

/** Sizes of the screens of the tests, in pixels. */
export const desktop = { width: 1280, height: 800 };
export const phone = { width: 390, height: 844 };

export interface Browser extends AsyncDisposable {
  readonly page: Page;
  /** Errors and warnings of the page, and violations of its Content-Security-Policy. */
  readonly problems: readonly string[];
  /** Keeps a picture of the visible part of the page. */
  picture(name: string): Promise<void>;
  /** Keeps a picture of the page with all that is scrolled out of view. */
  wholePicture(name: string): Promise<void>;
}

export interface BrowserOptions {
  /** @default desktop */
  readonly screen?: { readonly width: number; readonly height: number };
  /** @default 'light' */
  readonly colors?: 'light' | 'dark';
}

/** Starts Chromium with a new profile and one page. It loads nothing from other hosts. */
export async function startBrowser({ screen = desktop, colors = 'light' }: BrowserOptions = {}): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), 'aep-chromium-'));
  await mkdir(screenshots, { recursive: true });
  const context: BrowserContext = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    viewport: { ...screen },
    colorScheme: colors,
    locale: 'en-US',
    timezoneId: 'UTC',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  const page = context.pages()[0] ?? (await context.newPage());
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning')
      problems.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`exception: ${error.message}`));
  return {
    page,
    problems,
    picture: async (name) => {
      await page.screenshot({ path: join(screenshots, `${name}.png`) });
    },
    wholePicture: async (name) => {
      await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
    },
    [Symbol.asyncDispose]: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
