import { describe, expect, it } from 'vitest';
import { UpstreamUnreachableError } from '../../../src/errors.ts';
import { exportJob, settle } from './fake-platform.ts';
import { attempt, OtherReplicas } from './other-replicas.ts';

describe('a subscriber that waits for a round of another replica', () => {
  it('causes a request every two seconds until it leaves', async () => {
    const others = new OtherReplicas();
    await using setup = others.setup();
    const controller = new AbortController();
    const waiting = await attempt(setup.subscribe({ ids: ['a'] }, 'someone', controller));
    expect(others.sent).toEqual([{ kind: 'joined' }, { kind: 'awaited' }]);
    await setup.clock.advanceBy(1_999);
    expect(others.asked).toBe(1);
    await setup.clock.advanceBy(1);
    expect(others.asked).toBe(2);
    await setup.clock.advanceBy(2_000);
    expect(others.asked).toBe(3);
    controller.abort(new Error('the client left'));
    await settle();
    expect(waiting.outcome).toEqual(new Error('the client left'));
    await setup.pass(10_000);
    expect(others.asked).toBe(3);
  });

  it('causes the same number of requests together with other subscribers, even if one of them leaves', async () => {
    const others = new OtherReplicas();
    await using setup = others.setup();
    const leaving = new AbortController();
    const first = await attempt(setup.subscribe({ ids: ['a'] }, 'someone', leaving));
    const second = await attempt(setup.subscribe({ ids: ['b'] }));
    expect(others.asked).toBe(2);
    await setup.clock.advanceBy(2_000);
    expect(others.asked).toBe(3);
    leaving.abort(new Error('the client left'));
    await settle();
    expect(first.outcome).toEqual(new Error('the client left'));
    await setup.clock.advanceBy(2_000);
    expect(others.asked).toBe(4);
    await others.write([exportJob('b', 1)]);
    expect(second.outcome).toBe('has begun');
    await setup.pass(10_000);
    expect(others.asked).toBe(4);
  });

  it('causes further requests when another subscriber begins', async () => {
    const others = new OtherReplicas();
    await using setup = others.setup();
    const begins = await attempt(setup.subscribe({ ids: ['a'] }));
    const waits = await attempt(setup.subscribe({ ids: ['b'] }));
    const { asked } = others;
    await others.write([exportJob('a', 1)]);
    expect(begins.outcome).toBe('has begun');
    expect(waits.outcome).toBe('waits');
    await setup.clock.advanceBy(2_000);
    expect(others.asked).toBe(asked + 1);
    await others.write([], { b: 2 });
    expect(waits.outcome).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('causes no requests once its own replica polls', async () => {
    const others = new OtherReplicas();
    await using setup = others.setup();
    const waiting = await attempt(setup.subscribe({ ids: ['a'] }));
    const release = setup.platform.hold();
    await others.elect(2);
    await setup.pass(2_000);
    const { asked } = others;
    await setup.pass(10_000);
    expect(others.asked).toBe(asked);
    setup.platform.put(exportJob('a', 1));
    release();
    await settle();
    expect(waiting.outcome).toBe('has begun');
  });

  it('is rejected as soon as the other replicas cannot be reached', async () => {
    const others = new OtherReplicas();
    await using setup = others.setup();
    const waiting = await attempt(setup.subscribe());
    expect(waiting.outcome).toBe('waits');
    const error = new UpstreamUnreachableError({ message: 'Live views are temporarily unavailable.' });
    await others.cut(error);
    expect(waiting.outcome).toBe(error);
  });

  it('is rejected if the log cannot be read after a round', async () => {
    const others = new OtherReplicas();
    await using setup = others.setup();
    const waiting = await attempt(setup.subscribe({ ids: ['a'] }));
    others.logFailure = new UpstreamUnreachableError({ message: 'The log is out of reach.' });
    await others.write([exportJob('a', 1)]);
    expect(waiting.outcome).toBe(others.logFailure);
  });

  it('does not begin with a state that was read before it joined', async () => {
    const others = new OtherReplicas();
    await using setup = others.setup();
    await others.write([], { a: 1 });
    const waiting = await attempt(setup.subscribe({ ids: ['a'] }));
    await others.write([], { a: 1 });
    expect(waiting.outcome).toBe('waits');
    await others.write([], { a: 3 });
    expect(waiting.outcome).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('begins as soon as the state in the log is known to be from the current lease holder', async () => {
    const others = new OtherReplicas();
    await using setup = others.setup();
    await others.write([exportJob('a', 1)], {}, 2);
    const waiting = await attempt(setup.subscribe({ ids: ['a'] }));
    expect(waiting.outcome).toBe('waits');
    await others.moveTo(2);
    expect(waiting.outcome).toBe('has begun');
  });

  it('is rejected when the round of that replica failed, or failed to read one of its ids', async () => {
    const others = new OtherReplicas();
    await using setup = others.setup();
    const everything = await attempt(setup.subscribe());
    const a = await attempt(setup.subscribe({ ids: ['a', 'c'] }));
    const b = await attempt(setup.subscribe({ ids: ['b'] }));
    expect([everything, a, b].map(({ outcome }) => outcome)).toEqual(['waits', 'waits', 'waits']);
    await others.say({ kind: 'failed', failure: null, id: 'a' });
    expect([everything, a, b].map(({ outcome }) => outcome)).toEqual([
      'waits',
      new Error('The round of the polling replica failed.'),
      'waits',
    ]);
    await others.say({ kind: 'failed', failure: null, id: null });
    expect([everything, b].map(({ outcome }) => outcome)).toEqual([
      new Error('The round of the polling replica failed.'),
      new Error('The round of the polling replica failed.'),
    ]);
  });
});

describe('the replica that polls', () => {
  it('does not request rounds, and ignores failures of the previous one', async () => {
    const others = new OtherReplicas();
    await using setup = others.setup();
    const release = setup.platform.hold();
    setup.platform.put(exportJob('a', 1));
    const first = await attempt(setup.subscribe());
    await others.elect(2);
    await setup.pass(2_000);
    const { asked } = others;
    const second = await attempt(setup.subscribe());
    expect(second.outcome).toBe('waits');
    await others.say({ kind: 'failed', failure: null, id: null });
    await setup.pass(5_000);
    expect(others.asked).toBe(asked);
    release();
    await settle();
    expect([first, second].map(({ outcome }) => outcome)).toEqual(['has begun', 'has begun']);
  });

  it('makes a round at once when another replica has changed something, if there are subscribers', async () => {
    const others = new OtherReplicas();
    await using setup = others.setup();
    const following = setup.follow();
    await settle();
    await others.elect(2);
    const follower = await following;
    const rounds = setup.platform.count('list');
    await others.say({ kind: 'nudge' });
    expect(setup.platform.count('list')).toBe(rounds + 1);
    follower.leave();
    await settle();
    await others.say({ kind: 'nudge' });
    expect(setup.platform.count('list')).toBe(rounds + 1);
  });

  it('receives the change of a replica that does not poll, which makes no round', async () => {
    const others = new OtherReplicas();
    await using setup = others.setup();
    await others.write([exportJob('a', 1)]);
    await setup.follow();
    setup.nudge();
    await settle();
    expect(others.sent).toEqual([{ kind: 'joined' }, { kind: 'nudge' }]);
    expect(setup.platform.calls).toEqual([]);
  });
});

describe('a subscriber that leaves while the log is read', () => {
  it('causes no request for a round', async () => {
    const others = new OtherReplicas();
    await using setup = others.setup();
    const controller = new AbortController();
    let release = () => {};
    others.reading = new Promise((resolve) => {
      release = resolve;
    });
    const leaving = await attempt(setup.subscribe({ ids: ['a'] }, 'someone', controller));
    controller.abort(new Error('the client left'));
    await settle();
    expect(leaving.outcome).toEqual(new Error('the client left'));
    release();
    await setup.pass(10_000);
    expect(others.asked).toBe(0);
  });
});
