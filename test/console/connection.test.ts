import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WatchExportJobsDocument } from '../e2e/operations.generated.ts';
import { type MovableAddress, startMovableAddress } from '../support/movable-address.ts';
import { accessibilityProblems } from './support/accessibility.ts';
import { phone, startBrowser } from './support/browser.ts';
import { serveConsole } from './support/console.ts';
import { startExport } from './support/exports.ts';

const served = serveConsole();
let address: MovableAddress;

beforeAll(async () => {
  address = await startMovableAddress(served.gateway.url);
});
afterAll(async () => {
  await address[Symbol.asyncDispose]();
});

interface Frame {
  readonly type: string;
  readonly payload?: {
    readonly variables?: { readonly after?: string };
    readonly data?: { readonly exportJobChanged: { readonly kind: string; readonly cursor: string } };
  };
}

/** Messages of the sockets of a page, in their order. */
function framesOf(page: Page): readonly Frame[] {
  const frames: Frame[] = [];
  // All messages of the protocol are JSON objects.
  const take = ({ payload }: { readonly payload: string | Buffer }) =>
    frames.push(JSON.parse(payload.toString()) as Frame);
  page.on('websocket', (socket) => socket.on('framesent', take).on('framereceived', take));
  return frames;
}

describe('a lost connection', () => {
  it('is shown with the age of the data, and the list continues after the last event', async () => {
    // Another subscriber, so that the gateway reads the platform while the page is away.
    await using other = served.gateway.subscribe(WatchExportJobsDocument, {});
    await other.take();
    await using browser = await startBrowser({ screen: phone });
    const { page } = browser;
    const frames = framesOf(page);
    await page.goto(address.url.replace('redis:', 'http:'));
    await page.getByRole('row', { name: /24060/ }).waitFor();
    await page.getByText('Live', { exact: true }).waitFor();

    address.moveTo('http://127.0.0.1:1');
    address.cut();
    await page.getByText(/^Data from \d+ s ago\. Reconnecting…$/).waitFor();
    await browser.picture('board-lost');
    expect(await accessibilityProblems(page)).toEqual([]);
    const before = frames.length;
    const lastCursor = frames.map(({ payload }) => payload?.data?.exportJobChanged.cursor).findLast((cursor) => cursor);

    const id = await startExport(served.gateway);
    address.moveTo(served.gateway.url);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByRole('row', { name: new RegExp(`${id}.*Succeeded|Succeeded.*${id}`) }).waitFor();
    expect(await page.getByText(/Reconnecting/).count()).toBe(0);

    const after = frames.slice(before);
    expect(after.find(({ type }) => type === 'subscribe')?.payload?.variables?.after).toBe(lastCursor);
    const kinds = after.flatMap(({ payload }) => payload?.data?.exportJobChanged.kind ?? []);
    expect(kinds).toContain('CREATED');
    expect(kinds).not.toContain('SNAPSHOT');
  });
});

describe('a platform that cannot be read', () => {
  it('is shown as a list that is out of date, until it can be read again', async () => {
    await using browser = await startBrowser();
    const { page } = browser;
    await page.goto(served.gateway.url);
    await page.getByRole('row', { name: /24060/ }).waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    served.platform.faults.set({
      rules: [{ match: { path: '/data/core/ups/export/jobs' }, fault: { kind: 'status', status: 503 } }],
    });
    try {
      await page.getByText(/^The platform could not be read for \d+ (?:s|min)/).waitFor();
      await browser.picture('board-stale');
      expect(await accessibilityProblems(page)).toEqual([]);
      expect(await page.getByRole('row', { name: /24060/ }).count()).toBe(1);
    } finally {
      served.platform.faults.clear();
    }
    await page.getByText('Live', { exact: true }).waitFor();
  });
});
