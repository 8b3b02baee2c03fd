import { describe, expect, it } from 'vitest';
import { LiveReplicas } from '../../../../src/polling/leader/replicas.ts';

/** The last reply to the heartbeat of this replica. */
function readings(replicas: ReadonlySet<string> | null = new Set()) {
  const heartbeat = { replicas };
  return { heartbeat, live: new LiveReplicas(heartbeat) };
}

describe('the candidate of another replica', () => {
  it('counts as live while its replica is in the set of live replicas', () => {
    const { heartbeat, live } = readings(new Set(['replica']));
    expect([live.has('replica/1'), live.has('replica/2'), live.has('other/1')]).toEqual([true, true, false]);
    heartbeat.replicas = new Set();
    expect(live.has('replica/1')).toBe(false);
  });

  it('counts as live after a message, for two heartbeats that do not include its replica', () => {
    const { live } = readings();
    live.noteLive('new/1');
    expect([live.has('new/1'), live.has('new/2'), live.has('other/1')]).toEqual([true, true, false]);
    expect(live.beat()).toBe(false);
    expect(live.has('new/1')).toBe(true);
    expect(live.beat()).toBe(true);
    expect(live.has('new/1')).toBe(false);
    expect(live.beat()).toBe(false);
  });

  it('counts as live for two further heartbeats after each message', () => {
    const { live } = readings();
    live.noteLive('new/1');
    live.beat();
    live.noteLive('new/2');
    expect([live.beat(), live.has('new/1'), live.beat(), live.has('new/1')]).toEqual([false, true, true, false]);
  });

  it('depends only on the set once that includes its replica', () => {
    const { heartbeat, live } = readings();
    live.noteLive('new/1');
    heartbeat.replicas = new Set(['new']);
    expect(live.beat()).toBe(false);
    live.noteLive('new/1');
    heartbeat.replicas = new Set();
    expect(live.has('new/1')).toBe(false);
    expect(live.beat()).toBe(false);
  });

  it('does not count as live while the set is unknown, nor after a reset', () => {
    const { heartbeat, live } = readings(null);
    live.noteLive('new/1');
    expect([live.has('new/1'), live.beat()]).toEqual([false, false]);
    heartbeat.replicas = new Set();
    expect(live.has('new/1')).toBe(true);
    live.clear();
    expect(live.has('new/1')).toBe(false);
  });
});
