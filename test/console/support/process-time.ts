import type { Page } from 'playwright-core';

/** CPU time of the processes that show the page, by type, in milliseconds. */
export async function processTimeMs(page: Page): Promise<Readonly<Record<string, number>>> {
  const browser = page.context().browser();
  if (browser === null) throw new Error('The page has no browser.');
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const sums: Record<string, number> = {};
  for (const { type, cpuTime } of processInfo) sums[type] = (sums[type] ?? 0) + cpuTime * 1_000;
  return sums;
}
