import { subscribe } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { queryObjects } from 'node:v8';

/**
 * Loaded into the gateway's process before the gateway (`--import`): says over the channel to the parent process what
 * that process holds, whenever it is asked.
 */

/** What a process holds once everything was collected that nobody uses any more. */
export interface Holdings {
  readonly heapBytes: number;
  /** What keeps the event loop alive, by kind: sockets, servers, timers. */
  readonly resources: Readonly<Record<string, number>>;
  /** Listeners of the process and of its HTTP servers. */
  readonly listeners: number;
  /** One comes when an emitter or a signal gets more listeners than is usual. */
  readonly warnings: readonly string[];
  /** Objects that can have listeners, by what they are: sockets, requests, signals, … */
  readonly emitters: number;
  readonly signals: number;
  /** Timers, also those that do not keep the process alive, and those that are over and still held. */
  readonly timers: number;
  /** Whatever listens, waits or cleans up holds one. */
  readonly functions: number;
}

/** Collections in a row: what finalizers let go of is only found by the next one. */
const collections = 4;

/** Ends by itself in the same turn of the event loop. */
const ephemeral = 'Immediate';

/** What timers are, which Node does not export. */
const Timeout = timerClass();
const servers = new Set<Server>();
const warnings: string[] = [];

subscribe('http.server.request.start', (message) => {
  // Documented: the message of this channel holds the server that the request came to.
  const { server } = message as { readonly server: Server };
  servers.add(server);
});
process.on('warning', ({ name, message }) => {
  if (name === 'MaxListenersExceededWarning') warnings.push(message);
});
process.on('message', () => void answer());
// Whoever asks must not keep the gateway from ending.
process.channel?.unref();

function timerClass() {
  const timer = setTimeout(() => {}, 0);
  clearTimeout(timer);
  return timer.constructor;
}

async function answer(): Promise<void> {
  if (globalThis.gc === undefined) throw new Error('The gateway was started without --expose-gc.');
  for (let count = 0; count < collections; count += 1) {
    globalThis.gc();
    await turn();
  }
  const holdings: Holdings = {
    heapBytes: process.memoryUsage().heapUsed,
    resources: countEach(process.getActiveResourcesInfo().filter((kind) => kind !== ephemeral)),
    listeners: [process, ...servers].reduce((sum, emitter) => sum + listenersOf(emitter), 0),
    warnings,
    emitters: queryObjects(EventEmitter, { format: 'count' }),
    signals: queryObjects(AbortSignal, { format: 'count' }),
    timers: queryObjects(Timeout, { format: 'count' }),
    functions: queryObjects(Function, { format: 'count' }),
  };
  process.send?.(holdings);
}

const listenersOf = (emitter: EventEmitter): number =>
  emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);

function countEach(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
