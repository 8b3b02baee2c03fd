import { describe, expect, it } from 'vitest';
import {
  createConnectionRegistry,
  type LongLivedConnection,
} from '../../../../src/server/connections/connection-registry.ts';
import { defaultPingInterval } from '../../../support/default-config.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const setup = (random: () => number = () => 0.5, pingIntervalMs = defaultPingInterval.pingIntervalMs) => {
  const clock = new FakeClock();
  const startedAtMs = clock.now().getTime();
  const connections = createConnectionRegistry({ clock, random, pingIntervalMs });
  const events: string[] = [];
  const connection = (name: string): LongLivedConnection => ({
    ping: () => events.push(`ping ${name}`),
    transport: 'websocket' as const,
    goAway: () => events.push(`away ${name}`),
  });
  /** Adds many connections, and returns the time at which each is ended, in milliseconds from the start. */
  const addMany = (count: number) => {
    const awayAtMs: number[] = [];
    const goAway = () => void awayAtMs.push(clock.now().getTime() - startedAtMs);
    for (let index = 0; index < count; index += 1) connections.add({ transport: 'sse', ping: () => {}, goAway });
    return awayAtMs;
  };
  return { clock, connections, events, connection, addMany };
};

describe('long-lived connections', () => {
  it.each([
    ['of twelve seconds by default', undefined, 12_000],
    ['that is configured', 5_000, 5_000],
  ])('receive a ping at an interval %s until they are removed', async (_, pingIntervalMs, intervalMs) => {
    const { clock, connections, events, connection } = setup(undefined, pingIntervalMs);
    const first = connections.add(connection('a'));
    connections.add(connection('b'));
    await clock.advanceBy(intervalMs - 1);
    expect(events).toEqual([]);
    await clock.advanceBy(1);
    expect(events.splice(0)).toEqual(['ping a', 'ping b']);
    first[Symbol.dispose]();
    await clock.advanceBy(intervalMs);
    expect(events).toEqual(['ping b']);
  });

  it('keep no timer when there are none', async () => {
    const { clock, connections, connection } = setup();
    const only = connections.add(connection('a'));
    expect(clock.pending('deadline')).toBe(1);
    only[Symbol.dispose]();
    expect(clock.pending('deadline')).toBe(0);
    connections.add(connection('b'));
    expect(clock.pending('deadline')).toBe(1);
    connections[Symbol.dispose]();
    expect(clock.pending('deadline')).toBe(0);
  });
});

describe('the drain', () => {
  it('sends a few connections away at once', async () => {
    const { clock, connections, addMany } = setup();
    const awayAtMs = addMany(50);
    await connections.drain(8_000);
    expect(awayAtMs).toEqual(Array(50).fill(0));
    expect([clock.pending('sleep'), clock.pending('deadline')]).toEqual([0, 0]);
  });

  it('the drain ends many connections in waves, and takes no longer than necessary', async () => {
    const { clock, connections, addMany } = setup();
    const awayAtMs = addMany(120);
    await clock.runUntil(connections.drain(8_000));
    expect(awayAtMs).toEqual([...Array(40).fill(0), ...Array(40).fill(100), ...Array(40).fill(300)]);
  });

  it.each([0, 0.25, 0.9])('stays in its window however many there are, with chance at %d', async (chance) => {
    const { clock, connections, addMany } = setup(() => chance);
    const awayAtMs = addMany(5_000);
    await clock.runUntil(connections.drain(8_000));
    expect(awayAtMs).toHaveLength(5_000);
    expect(Math.max(...awayAtMs)).toBeLessThanOrEqual(8_000);
    expect(Math.max(...awayAtMs)).toBeGreaterThan(7_500);
    const waves = [...new Set(awayAtMs)].map((wave) => awayAtMs.filter((at) => at === wave).length);
    expect(Math.max(...waves)).toBe(125);
  });

  it('the drain ends connections in random order and skips connections that have ended', async () => {
    let order = 0;
    // The first numbers order the connections: the last one first.
    const { clock, connections, events, connection } = setup(() => {
      order += 1;
      return 1 / order;
    });
    const memberships = Array.from({ length: 51 }, (_, index) => connections.add(connection(String(index))));
    const drained = connections.drain(8_000);
    expect(events).toHaveLength(26);
    expect(events[0]).toBe('away 50');
    memberships[0]?.[Symbol.dispose]();
    await clock.runUntil(drained);
    expect(events).toHaveLength(50);
    expect(events).not.toContain('away 0');
  });

  it('the drain ends connections that are added during it, each once', async () => {
    const { connections, events, connection } = setup();
    connections.add(connection('a'));
    await connections.drain(8_000);
    connections.add(connection('late'));
    expect(events).toEqual(['away a']);
    await new Promise(setImmediate);
    expect(events).toEqual(['away a', 'away late']);
    await connections.drain(8_000);
    expect(events).toHaveLength(2);
  });

  it('the drain without a window ends all connections at once', async () => {
    const { connections, addMany } = setup();
    const awayAtMs = addMany(500);
    await connections.drain(0);
    expect(awayAtMs).toEqual(Array(500).fill(0));
  });
});
