/** The sum of all time series of a metric in the text format of Prometheus. */
export function sumOf(text: string, name: string): number {
  const values = text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'));
  return [...values].reduce((sum, [, value]) => sum + Number(value), 0);
}

/** Subscriptions that were started, have ended for any reason, and are open. */
export const subscriptionNumbers = (text: string) => ({
  started: sumOf(text, 'aep_subscriptions_started_total'),
  ended: sumOf(text, 'aep_subscriptions_ended_total'),
  open: sumOf(text, 'aep_subscriptions'),
});
