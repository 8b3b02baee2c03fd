import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FaultPlan, type FaultTarget } from '../../../src/emulator/faults/fault-plan.ts';
import { type FaultScript, FaultScriptError, parseFaultScript } from '../../../src/emulator/faults/fault-script.ts';
import { Faults } from '../../../src/emulator/faults/faults.ts';

const jobs: FaultTarget = { service: 'ups', method: 'GET', path: '/data/core/ups/export/jobs' };
const created: FaultTarget = { ...jobs, method: 'POST' };
const dataset: FaultTarget = { service: 'catalog', method: 'GET', path: '/data/foundation/catalog/dataSets/x' };
const bulk: FaultTarget = { ...created, path: '/data/core/ups/segment/jobs/bulk-get' };
const token: FaultTarget = { service: 'ims', method: 'POST', path: '/ims/token/v3' };
const entities: FaultTarget = { service: 'profile-access', method: 'POST', path: '/data/core/ups/access/entities' };

const plan = (script: FaultScript) => new FaultPlan(parseFaultScript(script));

/** Positions, from 0, of the requests with a fault among `count` equal requests. */
const hitsOf = (script: FaultScript, count: number, target = jobs) => {
  const running = plan(script);
  return Array.from({ length: count }, (_, index) => (running.next(target).length > 0 ? [index] : [])).flat();
};

const fault = fc.constantFrom<FaultScript['rules'][number]['fault']>(
  { kind: 'latency', ms: 5 },
  { kind: 'status', status: 503 },
  { kind: 'reset', when: 'before' },
  { kind: 'truncate' },
  { kind: 'expireTokens' },
  { kind: 'vanish', id: 24_001 },
);

const rule = fc.record({
  match: fc.constantFrom({}, { service: 'ups' as const }, { writesOnly: true }, { readsOnly: true }, { path: '/data' }),
  after: fc.nat(5),
  times: fc.option(fc.integer({ min: 1, max: 5 })),
  probability: fc.double({ min: 0, max: 1, noNaN: true }),
  fault,
});

const scripts = fc.record({ seed: fc.maxSafeInteger(), rules: fc.array(rule, { maxLength: 5 }) });
const targets = fc.array(fc.constantFrom(jobs, created, dataset, bulk, token, entities), { maxLength: 60 });

describe('a fault plan', () => {
  it('gives the same requests in the same order the same faults', () => {
    fc.assert(
      fc.property(scripts, targets, (script, requests) => {
        const first = plan(script);
        const second = plan(script);
        expect(requests.map((each) => first.next(each))).toEqual(requests.map((each) => second.next(each)));
        expect(first.hits).toEqual(second.hits);
      }),
    );
  });

  it('keeps the effects of existing rules when a rule is added at the end', () => {
    fc.assert(
      fc.property(scripts, rule, targets, (script, added, requests) => {
        const without = plan(script);
        const withOne = plan({ ...script, rules: [...script.rules, added] });
        for (const each of requests) {
          without.next(each);
          withOne.next(each);
        }
        expect(withOne.hits.slice(0, script.rules.length)).toEqual(without.hits);
      }),
    );
  });

  it('hits no more often than a rule allows, and counts its hits', () => {
    fc.assert(
      fc.property(scripts, targets, (script, requests) => {
        const running = plan(script);
        const count = requests.map((each) => running.next(each).length).reduce((sum, each) => sum + each, 0);
        expect(running.hits.reduce((sum, each) => sum + each, 0)).toBe(count);
        for (const [index, { times }] of script.rules.entries()) {
          expect(running.hits[index]).toBeLessThanOrEqual(times ?? requests.length);
        }
      }),
    );
  });

  it('skips the first matches, then hits the given number of requests', () => {
    const script: FaultScript = { rules: [{ after: 2, times: 3, fault: { kind: 'truncate' } }] };
    expect(hitsOf(script, 10)).toEqual([2, 3, 4]);
  });

  it('hits about the given share of requests, and others with another seed', () => {
    const share = (seed: number) => hitsOf({ seed, rules: [{ probability: 0.3, fault: { kind: 'truncate' } }] }, 2_000);
    expect(share(1).length).toBeGreaterThan(520);
    expect(share(1).length).toBeLessThan(680);
    expect(share(2)).not.toEqual(share(1));
  });

  it('draws for each rule independently', () => {
    const running = plan({
      rules: [
        { probability: 0.5, fault: { kind: 'latency', ms: 1 } },
        { probability: 0.5, fault: { kind: 'expireTokens' } },
      ],
    });
    const together = Array.from({ length: 400 }, () => running.next(jobs).length);
    // With shared draws, both or none of the rules would hit each time.
    expect(together.filter((count) => count === 1).length).toBeGreaterThan(100);
  });

  it.each([
    ['service', { service: 'catalog' }, [dataset]],
    ['method', { method: 'GET' }, [jobs, dataset]],
    ['beginning of the path', { path: '/data/core/ups/export' }, [jobs, created]],
    ['writes, which tokens and bulk reads are not', { writesOnly: true }, [created]],
    ['reads', { readsOnly: true }, [jobs, dataset, bulk, token, entities]],
    ['nothing at all', {}, [jobs, created, dataset, bulk, token, entities]],
  ] as const)('matches by %s', (_, match, expected) => {
    const running = plan({ rules: [{ match, fault: { kind: 'truncate' } }] });
    const hit = [jobs, created, dataset, bulk, token, entities].filter((each) => running.next(each).length > 0);
    expect(hit).toEqual(expected);
  });

  it('lets the first rule determine how the response is sent, and does not count hits of the others', () => {
    const running = plan({
      rules: [
        { fault: { kind: 'latency', ms: 1 } },
        { times: 1, fault: { kind: 'status', status: 500 } },
        { times: 1, fault: { kind: 'reset', when: 'before' } },
        { fault: { kind: 'expireTokens' } },
      ],
    });
    const kinds = () => running.next(jobs).map(({ kind }) => kind);
    expect([kinds(), kinds(), kinds()]).toEqual([
      ['latency', 'status', 'expireTokens'],
      ['latency', 'reset', 'expireTokens'],
      ['latency', 'expireTokens'],
    ]);
    expect(running.hits).toEqual([3, 1, 1, 3]);
  });
});

describe('a fault script', () => {
  it('is rejected with all issues', () => {
    const wrong = {
      rules: [
        { match: { service: 'mail', writesOnly: true }, fault: { kind: 'latency', ms: -1 } },
        { fault: { kind: 'meteor' } },
        { match: { readsOnly: true, writesOnly: true }, fault: { kind: 'truncate' } },
        { fault: { kind: 'truncate' }, often: true },
      ],
    };
    expect(() => parseFaultScript(wrong)).toThrow(FaultScriptError);
    expect(() => parseFaultScript(wrong)).toThrow(
      /rules\.0\.match\.service: .*rules\.0\.fault\.ms: .*rules\.1\.fault\.kind: .*rules\.2\.match: .*rules\.3: .*often/,
    );
  });

  it('stays active when the next one is rejected', () => {
    const faults = new Faults();
    faults.set({ rules: [{ fault: { kind: 'truncate' } }] });
    faults.next(() => jobs);
    expect(() => faults.replace({ rules: 1 })).toThrow(FaultScriptError);
    expect(faults.hits).toEqual([1]);
    faults.clear();
    expect(faults.hits).toEqual([]);
  });
});

describe('no fault script', () => {
  it('means that requests are not even described', () => {
    const faults = new Faults();
    const describeNothing = () => {
      throw new Error('looked at');
    };
    expect(faults.next(describeNothing)).toEqual([]);
    faults.set({ rules: [] });
    expect(() => faults.next(describeNothing)).toThrow('looked at');
    faults.clear();
    expect(faults.next(describeNothing)).toEqual([]);
  });
});
