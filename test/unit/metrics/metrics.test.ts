import { expect, it } from 'vitest';
import { createMetrics } from '../../../src/metrics/index.ts';

it('the metrics show for live views whether this replica polls, its last round, the outcomes of rounds, and events', async () => {
  const { polls, render } = createMetrics({ version: '1.2.3' });
  const kind = 'export-jobs';
  let lastRoundAt: Date | null = null;
  polls.watch(kind, () => ({ feeds: 5, polling: 2, subscribers: 70, lastRoundAt }));
  const watched = async () =>
    (await render()).body.split('\n').filter((line) => line.startsWith('aep_watch_') && line.includes(kind));
  expect(await watched()).toEqual([
    'aep_watch_feeds{kind="export-jobs",role="polling"} 2',
    'aep_watch_feeds{kind="export-jobs",role="following"} 3',
    'aep_watch_subscribers{kind="export-jobs"} 70',
  ]);
  lastRoundAt = new Date('2030-01-01T00:00:00.500Z');
  polls.roundEnded({ kind, outcome: 'good' });
  polls.roundEnded({ kind, outcome: 'failed' });
  polls.emitted({ kind, events: ['CHANGED', 'CREATED', 'CHANGED'] });
  polls.leaseChanged({ kind, change: 'gained' });
  polls.resynced({ kind });
  polls.roundServed({ kind, calls: 4, subscribers: 3 });
  polls.roundServed({ kind, calls: 2, subscribers: 1 });
  expect(await watched()).toEqual([
    'aep_watch_events_total{kind="export-jobs",event="CHANGED"} 2',
    'aep_watch_events_total{kind="export-jobs",event="CREATED"} 1',
    'aep_watch_feeds{kind="export-jobs",role="polling"} 2',
    'aep_watch_feeds{kind="export-jobs",role="following"} 3',
    'aep_watch_subscribers{kind="export-jobs"} 70',
    'aep_watch_last_round_timestamp_seconds{kind="export-jobs"} 1893456000.5',
    'aep_watch_calls_total{kind="export-jobs"} 6',
    'aep_watch_saved_calls_total{kind="export-jobs"} 8',
    'aep_watch_rounds_total{kind="export-jobs",outcome="good"} 1',
    'aep_watch_rounds_total{kind="export-jobs",outcome="failed"} 1',
    'aep_watch_lease_changes_total{kind="export-jobs",change="gained"} 1',
    'aep_watch_resyncs_total{kind="export-jobs"} 1',
  ]);
});

it('the metrics show the number of open subscriptions, and the limits that rejected others', async () => {
  const { subscriptions, render } = createMetrics({ version: '1.2.3' });
  subscriptions.opened();
  subscriptions.opened();
  subscriptions.closed('disconnected');
  subscriptions.rejected({ limit: 'tenant' });
  const lines = (await render()).body.split('\n').filter((line) => line.startsWith('aep_subscriptions'));
  expect(lines).toEqual([
    'aep_subscriptions 1',
    'aep_subscriptions_started_total 2',
    'aep_subscriptions_ended_total{reason="disconnected"} 1',
    'aep_subscriptions_refused_total{limit="tenant"} 1',
  ]);
});
