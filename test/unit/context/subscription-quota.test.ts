import fc from 'fast-check';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createSubscriptionQuota, type QuotaHolder } from '../../../src/context/subscription-quota.ts';
import { RateLimitedError } from '../../../src/errors.ts';
import { MetricDefinitions } from '../../../src/metrics/definitions.ts';
import { defineSubscriptionMetrics } from '../../../src/metrics/subscriptions.ts';
import { isCollected } from '../../support/garbage.ts';
import { subscriptionNumbers } from '../../support/metrics-text.ts';
import { otherOrganization, tenantOf } from '../../support/tenants.ts';

/** Creates a quota with one of its limits at 2, and records its metrics. */
function setUp(limits: Partial<Parameters<typeof createSubscriptionQuota>[0]>) {
  const seen = { open: 0, rejected: [] as string[] };
  const quota = createSubscriptionQuota(
    { perCaller: 100, perTenant: 100, total: 100, ...limits },
    {
      opened: () => {
        seen.open += 1;
      },
      delivered: () => {},
      closed: () => {
        seen.open -= 1;
      },
      rejected: ({ limit }) => seen.rejected.push(limit),
    },
  );
  return { quota, seen };
}

const holder = (principal: string, sandbox = 'prod', organization?: string): QuotaHolder => ({
  principal,
  tenant: tenantOf(sandbox, organization),
  record: null,
});

/** A document of a size, and whether later operations use it. */
function documentOf(mebibytes: number) {
  const document = {
    isKept: false,
    bytes: mebibytes * 1024 * 1024,
    keep: () => {
      document.isKept = true;
    },
    release: () => {
      document.isKept = false;
    },
  };
  return document;
}

describe.each([
  {
    limits: { perCaller: 2 },
    counted: 'caller',
    same: [holder('a'), holder('a', 'dev')],
    others: [holder('b')],
    message: 'A caller may have 2 subscriptions open at a time (MAX_SUBSCRIPTIONS_PER_CALLER).',
  },
  {
    limits: { perTenant: 2 },
    counted: 'tenant',
    same: [holder('a'), holder('b')],
    others: [holder('a', 'dev'), holder('a', 'prod', otherOrganization)],
    message: 'A sandbox may have 2 subscriptions open at a time (MAX_SUBSCRIPTIONS_PER_TENANT).',
  },
  {
    limits: { total: 2 },
    counted: 'total',
    same: [holder('a'), holder('b', 'dev', otherOrganization)],
    others: [],
    message: 'The gateway may have 2 subscriptions open at a time (MAX_SUBSCRIPTIONS).',
  },
])('the limit $limits', ({ limits, counted, same, others, message }) => {
  it('rejects one more subscription, and accepts another one for each that ended', () => {
    const { quota, seen } = setUp(limits);
    const slots = same.map((each) => quota.open(each));
    for (const each of same) expect(() => quota.open(each)).toThrow(new RateLimitedError({ message }));
    for (const other of others) quota.open(other).end('disconnected');
    expect(seen).toEqual({ open: 2, rejected: [counted, counted] });
    // A second disposal does not free a second slot.
    for (const _ of [1, 2]) slots[0]?.end('disconnected');
    expect(seen.open).toBe(1);
    for (const each of same) quota.open(each).end('disconnected');
    quota.open(holder('a'));
    expect(() => quota.open(holder('a'))).toThrow(RateLimitedError);
  });
});

it('a subscription that one limit rejects is not counted by another limit', () => {
  const { quota, seen } = setUp({ perCaller: 1, perTenant: 1, total: 1 });
  const first = quota.open(holder('a'));
  for (const other of [holder('b'), holder('c', 'dev')]) expect(() => quota.open(other)).toThrow(RateLimitedError);
  expect(seen.rejected).toEqual(['tenant', 'total']);
  first.end('disconnected');
  quota.open(holder('b')).end('disconnected');
  quota.open(holder('c', 'dev')).end('disconnected');
  expect(seen.open).toBe(0);
});

describe('the documents of open subscriptions', () => {
  const open = (quota: ReturnType<typeof setUp>['quota'], document: ReturnType<typeof documentOf>, who: QuotaHolder) =>
    quota.open({ ...who, record: { operation: { document } } });

  it.each([
    { megabytes: 32, whose: 'a caller', counted: 'caller', by: () => holder('a') },
    { megabytes: 64, whose: 'a sandbox', counted: 'tenant', by: (index: number) => holder(`a${index}`) },
    {
      megabytes: 128,
      whose: 'the gateway',
      counted: 'total',
      by: (index: number) => holder(`a${index}`, `s${index}`),
    },
  ])('have at most $megabytes MiB for $whose', ({ megabytes, whose, counted, by }) => {
    const { quota, seen } = setUp({});
    const documents = Array.from({ length: megabytes / 16 }, () => documentOf(16));
    const slots = documents.map((document, index) => open(quota, document, by(index)));
    const message = `The documents of the open subscriptions of ${whose} may have ${megabytes} MiB together.`;
    expect(() => open(quota, documentOf(1), by(0))).toThrow(new RateLimitedError({ message }));
    expect(seen.rejected).toEqual([counted]);
    slots[0]?.end('disconnected');
    open(quota, documentOf(16), by(0));
    expect(() => open(quota, documentOf(1), by(0))).toThrow(RateLimitedError);
  });

  it('count once, and are kept until the last subscription with them ends', () => {
    const { quota } = setUp({});
    const document = documentOf(20);
    const slots = ['a', 'a', 'b', 'c'].map((principal) => open(quota, document, holder(principal)));
    for (const slot of slots) {
      expect(document.isKept).toBe(true);
      slot.end('disconnected');
    }
    expect(document.isKept).toBe(false);
    open(quota, documentOf(32), holder('a'));
  });
});

it('a slot does not keep the object of its holder in memory', async () => {
  const { quota } = setUp({});
  const open = () => {
    const context = { ...holder('a'), credential: 'secret' };
    return { slot: quota.open(context), context: new WeakRef(context) };
  };
  const { slot, context } = open();
  expect(await isCollected(context)).toBe(true);
  slot.end('disconnected');
});

it('every subscription ends with one reason, so that those that have not ended are open', async () => {
  const reasons = ['completed', 'disconnected', 'failed'] as const;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(20), fc.constantFrom(...reasons)), { maxLength: 60 }),
      async (actions) => {
        const registry = new Registry();
        const metrics = defineSubscriptionMetrics(new MetricDefinitions(registry));
        const quota = createSubscriptionQuota({ perCaller: 5, perTenant: 100, total: 100 }, metrics);
        const slots: ReturnType<typeof quota.open>[] = [];
        for (const [index, reason] of actions) {
          // An action on a subscription that has ended already is repeated on purpose.
          const slot = slots[index];
          if (slot !== undefined) slot.end(reason);
          else {
            try {
              slots.push(quota.open(holder(String(index % 2))));
            } catch (error) {
              expect(error).toBeInstanceOf(RateLimitedError);
            }
          }
        }
        const numbers = subscriptionNumbers(await registry.metrics());
        expect(numbers.started).toBe(slots.length);
        expect(numbers.started - numbers.ended).toBe(numbers.open);
      },
    ),
    { numRuns: 50 },
  );
});
