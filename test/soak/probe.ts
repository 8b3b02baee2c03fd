import { subscribe } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { queryObjects } from 'node:v8';

/**
 * Loaded into the gateway's process before the gateway (`--import`). On request, it reports the resources of the
 * process over the channel to the parent process.
 */

/** Resources of a process after a garbage collection. */
export interface Holdings {
  readonly heapBytes: number;
  /** Number of resources that keep the event loop alive, by kind: sockets, servers, timers. */
  readonly resources: Readonly<Record<string, number>>;
  /** Number of listeners of the process and of its HTTP servers. */
  readonly listeners: number;
  /** Warnings of Node, for example when an emitter or a signal gets more listeners than usual. */
  readonly warnings: readonly string[];
  /** Number of objects that can have listeners: sockets, requests, signals, and others. */
  readonly emitters: number;
  readonly signals: number;
  /** Number of timers, including those that do not keep the process alive, and ended ones that are still referenced. */
  readonly timers: number;
  /** Number of functions. Every listener, waiter or cleanup holds one. */
  readonly functions: number;
}

/** Number of consecutive collections, because memory released by finalizers is found only by the next one. */
const collections = 4;

/** A resource that ends in the same turn of the event loop. */
const ephemeral = 'Immediate';

/** The class of timers, which Node does not export. */
const Timeout = timerClass();
const servers = new Set<Server>();
const warnings: string[] = [];

subscribe('http.server.request.start', (message) => {
  // The message of this diagnostics channel is documented to contain the server of the request.
  const { server } = message as { readonly server: Server };
  servers.add(server);
});
process.on('warning', ({ name, message }) => {
  if (name === 'MaxListenersExceededWarning') warnings.push(message);
});
process.on('message', () => void answer());
// The channel must not keep the gateway running.
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
