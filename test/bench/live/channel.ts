import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Functions of another process, by name. Arguments and results are JSON. */
export type Handlers = Readonly<Record<string, (argument: never) => unknown>>;

interface Question {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

interface Reply {
  readonly id: number;
  readonly answer?: unknown;
  readonly error?: string;
}

/** Answers the calls of the parent process until it disconnects; the process then exits. */
export function serve(handlers: Handlers): void {
  process.on('message', async ({ id, name, argument }: Question) => {
    try {
      // The assertion holds because the parent passes an argument of the handler's type; both ends are in this folder.
      const answer = await handlers[name]?.(argument as never);
      process.send?.({ id, answer } satisfies Reply);
    } catch (error) {
      process.send?.({ id, error: String(error) } satisfies Reply);
    }
  });
  process.on('disconnect', () => process.exit());
}

/** A separate process, so that its resource use can be measured alone. Disposing ends it. */
export interface Child<Served extends Handlers> extends AsyncDisposable {
  ask<Name extends keyof Served & string>(
    name: Name,
    ...argument: Parameters<Served[Name]>
  ): Promise<Awaited<ReturnType<Served[Name]>>>;
}

const folder = process.env['LIVE_PROFILE'];
const profiling = folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];

/** @param script a module of this folder that calls `serve` with handlers of the given type */
export function startChild<Served extends Handlers>(script: string): Child<Served> {
  const child: ChildProcess = fork(fileURLToPath(new URL(script, import.meta.url)), {
    execArgv: ['--expose-gc', ...profiling],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  const ended = once(child, 'exit');
  child.on('message', ({ id, answer, error }: Reply) => {
    const waiter = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) waiter?.resolve(answer);
    else waiter?.reject(new Error(`${script}: ${error}`));
  });
  child.on('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`${script} ended with ${code}`));
  });
  let lastId = 0;
  return {
    ask: (name, ...[argument]) =>
      new Promise<never>((resolve, reject) => {
        lastId += 1;
        // The assertion holds because the reply is the result of the handler with that name.
        waiting.set(lastId, { resolve: resolve as (value: unknown) => void, reject });
        child.send({ id: lastId, name, argument } satisfies Question);
      }),
    [Symbol.asyncDispose]: async () => {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/** Number of consecutive full collections, after which another one finds nothing. */
const collections = 4;

/** CPU that a process has used so far, and memory that it holds now, after a full garbage collection. */
export interface Usage {
  readonly cpuMicros: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
}

export async function usage({ collect }: { readonly collect: boolean }): Promise<Usage> {
  // Memory that another thread or a finalizer releases is free only after another turn and another collection.
  for (let round = 0; collect && round < collections; round += 1) {
    globalThis.gc?.();
    await setImmediate();
  }
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return { cpuMicros: user + system, residentBytes: rss, heapBytes: heapUsed };
}
