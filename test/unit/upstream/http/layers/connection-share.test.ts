import { describe, expect, it } from 'vitest';
import { parseTenant } from '../../../../../src/domain/tenant.ts';
import { RateLimitedError } from '../../../../../src/errors.ts';
import type { Caller } from '../../../../../src/upstream/caller.ts';
import { AcceptedCredentials } from '../../../../../src/upstream/http/layers/acceptance.ts';
import { createConnectionShare } from '../../../../../src/upstream/http/layers/connection-share.ts';
import { createPassthroughCredential } from '../../../../../src/upstream/index.ts';
import { readRequest, settled, timedOut } from '../../layers.ts';
import { countListeners } from '../../platform-stub.ts';

const limits = { total: 12, perOrganization: 6, perTenant: 4, perCredential: 3, unproven: 2 };

/** A caller of an organization, a sandbox and a token, each named by one letter. */
function callerOf(org: string, sandbox = 's', token = 't', owner: 'caller' | 'gateway' = 'caller'): Caller {
  const tenant = parseTenant(`${org.repeat(24)}@AdobeOrg`, sandbox);
  if (tenant === null) throw new Error('This is no tenant.');
  const credential = createPassthroughCredential({ authorization: `Bearer ${token}`, apiKey: 'key' });
  return { tenant, credential: { ...credential, owner } };
}

/** A platform that responds when the test releases it. */
function harness() {
  const accepted = new AcceptedCredentials();
  const inFlight: { readonly path: string; respond(): void }[] = [];
  const share = createConnectionShare(limits, accepted);
  const call = share.layer(
    ({ path, signal }) =>
      new Promise<string>((resolve, reject) => {
        const entry = { path, respond: () => resolve(path) };
        inFlight.push(entry);
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      }),
  );
  const signals: AbortController[] = [];
  const send = (path: string, caller: Caller, leaving = new AbortController()) => {
    signals.push(leaving);
    return call(readRequest({ path, caller, signal: leaving.signal })).then(undefined, (error: unknown) => error);
  };
  return {
    inFlight,
    size: () => share.size,
    paths: () => inFlight.map(({ path }) => path),
    prove: (...callers: readonly Caller[]) => {
      for (const caller of callers) accepted.accept(caller);
    },
    send,
    many: (count: number, path: string, caller: Caller) => Array.from({ length: count }, () => send(path, caller)),
    /** Ends one call in flight. */
    respond: async (path: string) => {
      const at = inFlight.findIndex((entry) => entry.path === path);
      inFlight.splice(at, 1)[0]?.respond();
      await settled();
    },
    [Symbol.dispose]: () => {
      for (const each of signals) each.abort(new Error('over'));
    },
  };
}

const count = (paths: readonly string[], path: string) => paths.filter((each) => each === path).length;

describe('calls that hang', () => {
  it('use a limited part of the connections for one credential, one sandbox and one organization', async () => {
    using own = harness();
    const [one, other, third] = [callerOf('A', 's', 't1'), callerOf('A', 's', 't2'), callerOf('A', 'r', 't1')];
    own.prove(one, other, callerOf('B'));
    void own.many(70, 'one', one);
    await settled();
    expect(count(own.paths(), 'one')).toBe(3);
    void own.many(70, 'other', other);
    await settled();
    expect(count(own.paths(), 'other')).toBe(1);
    void own.many(70, 'third', third);
    await settled();
    expect(count(own.paths(), 'third')).toBe(2);
    void own.many(3, 'beta', callerOf('B'));
    await settled();
    expect(count(own.paths(), 'beta')).toBe(3);
  });

  it('with the credential of the gateway, which serves all callers, may use the whole share of their sandbox', async () => {
    using own = harness();
    void own.many(70, 'one', callerOf('A', 's', 't', 'gateway'));
    await settled();
    expect(own.paths()).toHaveLength(4);
  });

  it('with unproven credentials use few connections, whatever organizations they name', async () => {
    using own = harness();
    for (const org of 'ABCDEF') void own.send('invented', callerOf(org, 's', org));
    await settled();
    expect(own.paths()).toHaveLength(2);
    own.prove(callerOf('A', 's', 'mine'));
    void own.send('mine', callerOf('A', 's', 'mine'));
    await settled();
    expect(own.paths()).toEqual(['invented', 'invented', 'mine']);
  });
});

describe('calls that wait for a connection', () => {
  it('are sent in turn by organization, and by credential within each', async () => {
    using own = harness();
    const [a1, a2] = [callerOf('A', 's', 't1'), callerOf('A', 's', 't2')];
    own.prove(a1, a2);
    void own.many(5, 'a1', a1);
    void own.many(5, 'a2', a2);
    await settled();
    expect(own.paths()).toEqual(['a1', 'a1', 'a1', 'a2']);
    await own.respond('a1');
    expect(own.paths()).toEqual(['a1', 'a1', 'a2', 'a1']);
    await own.respond('a1');
    expect(own.paths()).toEqual(['a1', 'a2', 'a1', 'a2']);
  });

  it('are sent in turn when all connections are used, whichever organization has more calls', async () => {
    using own = harness();
    const callers = [...'ABCD'].flatMap((org) => ['t1', 't2'].map((token) => callerOf(org, token, token)));
    own.prove(...callers);
    const send = (org: string, token: string, path: string) => void own.many(3, path, callerOf(org, token, token));
    for (const org of 'AB') for (const token of ['t1', 't2']) send(org, token, 'busy');
    await settled();
    expect(own.paths()).toHaveLength(limits.total);
    send('C', 't1', 'c');
    send('C', 't2', 'c');
    send('D', 't1', 'd');
    for (let ended = 0; ended < 6; ended += 1) await own.respond('busy');
    expect(own.paths().filter((path) => path !== 'busy')).toEqual(['c', 'd', 'c', 'd', 'c', 'd']);
  });

  it('leave with their signal, and are never sent afterwards', async () => {
    using own = harness();
    own.prove(callerOf('A'));
    void own.many(3, 'x', callerOf('A'));
    const leaving = new AbortController();
    const listeners = countListeners(leaving.signal);
    const left = own.send('left', callerOf('A'), leaving);
    leaving.abort(new Error('I left.'));
    expect(await left).toEqual(new Error('I left.'));
    expect(listeners()).toBe(0);
    expect(own.size()).toEqual({ counted: 4, organizations: 0 });
    await own.respond('x');
    expect(own.paths()).toEqual(['x', 'x']);
  });

  // Takes seconds where several processes share a core.
  it('are at most 20,000 at a time, without cancelled and sent ones', { timeout: 60_000 }, async () => {
    using own = harness();
    const caller = callerOf('A');
    own.prove(caller);
    void own.many(3, 'x', caller);
    const leaving = new AbortController();
    const left = own.send('left', caller, leaving);
    const gone = own.send('gone', caller);
    leaving.abort(new Error('I left.'));
    await left;
    await own.respond('x');
    await own.respond('gone');
    expect(await gone).toBe('gone');
    // The first one takes the place that is free.
    const rejected: unknown[] = [];
    for (const response of own.many(20_001, 'waits', caller)) void response.then((end) => rejected.push(end));
    await settled();
    expect(rejected).toEqual([]);
    expect(await own.send('one more', caller)).toBeInstanceOf(RateLimitedError);
  });

  it('fail at their deadline, which does not count against the circuit', async () => {
    using own = harness();
    own.prove(callerOf('A'));
    void own.many(3, 'x', callerOf('A'));
    const late = new AbortController();
    const failure = own.send('late', callerOf('A'), late);
    late.abort(timedOut());
    expect(await failure).toMatchObject({ constructor: RateLimitedError, retryable: true, upstream: { status: null } });
  });

  it('are all sent, in whatever order calls end', async () => {
    using own = harness();
    const callers = ['A', 'B', 'C', 'D'].flatMap((org) => ['t1', 't2', 't3'].map((token) => callerOf(org, 's', token)));
    own.prove(...callers);
    const responses = callers.flatMap((caller, index) => own.many(10, `${index}`, caller));
    for (let ended = 0; ended < responses.length; ended += 1) {
      await settled();
      expect(own.inFlight.length).toBeLessThanOrEqual(limits.total);
      const { path } = own.inFlight[(ended * 7) % own.inFlight.length] ?? { path: '' };
      await own.respond(path);
    }
    expect(new Set(await Promise.all(responses)).size).toBe(callers.length);
    expect(own.size()).toEqual({ counted: 0, organizations: 0 });
  });
});
