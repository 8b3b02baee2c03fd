import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type Emulator, startPlatform } from '../support/platform.ts';
import { bytesOf, linkFrom } from './download-reading.ts';

let platform: Emulator;
let gateway: Gateway;
beforeAll(async () => {
  platform = await startPlatform();
  gateway = await startGateway({ platform });
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});

it('a download is counted with its bytes and its outcome, and no longer as running', async () => {
  const file = await bytesOf(await fetch(await linkFrom(gateway)));
  await eventually(async () => expect(await gateway.metric('aep_downloads')).toBe(0));
  expect(await gateway.metric('aep_download_bytes_total')).toBe(file.length);
  expect(await gateway.metric('aep_downloads_total{outcome="complete"}')).toBe(1);
  expect((await fetch(`${gateway.url}/files/wrong/name`)).ok).toBe(false);
  await eventually(async () => expect(await gateway.metric('aep_downloads_total{outcome="failed"}')).toBe(1));
  expect(await gateway.metric('aep_downloads')).toBe(0);
});

it('an idempotency key counts as created, and then as replayed', async () => {
  const create = 'mutation { createDataset(input: { name: "metrics", idempotencyKey: "m-1" }) { __typename } }';
  await gateway.send(create);
  await gateway.send(create);
  const keys = (outcome: string) => gateway.metric(`aep_idempotency_keys_total{outcome="${outcome}"}`);
  expect(await Promise.all(['created', 'replayed', 'failed'].map(keys))).toEqual([1, 1, 0]);
});

it('the remaining time of the token of the gateway is shown after the first call', async () => {
  expect(await gateway.metric('aep_credential_token_remaining_seconds')).toBeGreaterThan(60);
});

it('subscriptions count as open until they end with a reason, and their results count', async () => {
  const document = 'subscription { exportJobChanged { kind } }';
  const controller = new AbortController();
  const response = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { accept: 'text/event-stream', 'content-type': 'application/json' },
    body: JSON.stringify({ query: document }),
    signal: controller.signal,
  });
  await eventually(async () => expect(await gateway.metric('aep_subscription_results_total')).toBeGreaterThan(0));
  expect(await gateway.metric('aep_subscriptions')).toBe(1);
  expect(await gateway.metric('aep_live_connections{transport="sse"}')).toBe(1);
  controller.abort();
  await response.body?.cancel().catch(() => {});
  await eventually(async () =>
    expect(await gateway.metric('aep_subscriptions_ended_total{reason="disconnected"}')).toBe(1),
  );
  expect(await gateway.metric('aep_subscriptions')).toBe(0);
  expect(await gateway.metric('aep_subscriptions_started_total')).toBe(1);
});
