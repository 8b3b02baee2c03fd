import type { OperationTransport } from '../../metrics/operations.ts';
import type { Clock, Deadline } from '../../runtime/clock.ts';

/** A connection that stays open until one side ends it: a socket, or a streamed response. */
export interface LongLivedConnection {
  readonly transport: OperationTransport;
  /** Called every `pingIntervalMs`. A ping shows proxies that the connection is in use, and detects a client that has left. */
  ping(): void;
  /** Ends the connection so that its client connects to another replica. It is the last call. */
  goAway(): void;
}

/** All connections of the gateway that stay open, over every transport. */
export interface ConnectionRegistry extends Disposable {
  /** Counts a connection until the result is disposed. A connection that is added during the drain is ended soon. */
  add(connection: LongLivedConnection): Disposable;
  /**
   * Ends all connections, in random order and in waves, because clients that all reconnect at the same moment would
   * overload the next replica. Few connections are ended at once.
   * @param windowMs maximum duration in milliseconds
   */
  drain(windowMs: number): Promise<void>;
  /** Numbers of open connections, of the transports that have one. */
  count(): ReadonlyMap<OperationTransport, number>;
}

export interface ConnectionRegistryOptions {
  readonly clock: Clock;
  /** Pause between two pings, in milliseconds. */
  readonly pingIntervalMs: number;
  /** Numbers from 0 up to 1. @default Math.random */
  readonly random?: () => number;
}

/** Average pause between two waves of the drain, in milliseconds. */
const waveMs = 200;
/** Connections of a wave, unless the window is too short for that many waves. */
const minPerWave = 50;

export function createConnectionRegistry({
  clock,
  pingIntervalMs,
  random = Math.random,
}: ConnectionRegistryOptions): ConnectionRegistry {
  const connections = new Set<LongLivedConnection>();
  let draining = false;
  let next: Deadline | null = null;

  const rest = () => {
    next?.[Symbol.dispose]();
    next = null;
  };
  const arm = () => {
    next = clock.deadline(pingIntervalMs);
    next.signal.addEventListener('abort', () => {
      for (const connection of connections) connection.ping();
      if (connections.size > 0) arm();
      else rest();
    });
  };
  const endSoon = (connection: LongLivedConnection) => {
    if (connections.delete(connection)) connection.goAway();
    if (connections.size === 0) rest();
  };

  return {
    add: (connection) => {
      connections.add(connection);
      if (next === null) arm();
      // The caller has not finished the setup of the connection.
      if (draining) setImmediate(() => endSoon(connection));
      return {
        [Symbol.dispose]: () => {
          connections.delete(connection);
          if (connections.size === 0) rest();
        },
      };
    },
    drain: async (windowMs) => {
      draining = true;
      const startedAtMs = clock.monotonicMs();
      const leaving = [...connections]
        .map((connection) => ({ connection, order: random() }))
        .toSorted((left, right) => left.order - right.order);
      const waves = Math.max(1, Math.min(Math.ceil(leaving.length / minPerWave), Math.floor(windowMs / waveMs)));
      const perWave = Math.ceil(leaving.length / waves);
      for (let wave = 0; wave < waves; wave += 1) {
        // Each wave except the first starts at a random time within its share of the window.
        const dueMs = wave === 0 ? 0 : (wave - random()) * waveMs;
        const waitMs = startedAtMs + dueMs - clock.monotonicMs();
        if (waitMs > 0) await clock.sleep(waitMs);
        for (const { connection } of leaving.slice(wave * perWave, (wave + 1) * perWave)) endSoon(connection);
      }
    },
    count: () => {
      const counts = new Map<OperationTransport, number>();
      for (const { transport } of connections) counts.set(transport, (counts.get(transport) ?? 0) + 1);
      return counts;
    },
    [Symbol.dispose]: rest,
  };
}

/** Turns of the event loop after which all data that had arrived before is read. */
const turnsToRead = 3;

/**
 * Calls back after all data that has already arrived is read. After this process was blocked, timers run first, so that
 * a client whose response is not read yet would look as if it had not responded.
 */
export function afterPendingReads(then: () => void, turns: number = turnsToRead): void {
  if (turns === 0) then();
  else setImmediate(() => afterPendingReads(then, turns - 1));
}
