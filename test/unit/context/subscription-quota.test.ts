import { expect, it } from 'vitest';
import { createSubscriptionQuota } from '../../../src/context/subscription-quota.ts';
import { RateLimitedError } from '../../../src/errors.ts';

it('a caller has as many subscriptions open as it may, and another one for each that ended', () => {
  const quota = createSubscriptionQuota(2);
  const first = quota.open('a');
  quota.open('a');
  expect(() => quota.open('a')).toThrow(RateLimitedError);
  quota.open('b');
  first[Symbol.dispose]();
  // Ending twice frees one place.
  first[Symbol.dispose]();
  const again = quota.open('a');
  expect(() => quota.open('a')).toThrow(RateLimitedError);
  again[Symbol.dispose]();
  quota.open('a');
});
