import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { launch, type ProgramOptions } from '../support/program.ts';

/** Folder of built routers. `ROUTERS_CACHE` names another one, which several checkouts can share. */
const cache = resolve(process.env['ROUTERS_CACHE'] ?? join(import.meta.dirname, '../../node_modules/.cache/routers'));

/** Folder of the manifests with which routers are built. */
const folder = import.meta.dirname;

interface Build {
  /** Name of the binary in the cache, with its version. */
  readonly name: string;
  /** Folder of its manifest, in this one. */
  readonly manifest: string;
  /** Command that writes the binary to `target`. */
  readonly command: (target: string) => readonly [command: string, ...args: string[]];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Builds a router unless the cache contains it.
 * @returns path of the binary
 * @throws when it cannot be built; the message is the output of the compiler
 */
export async function built({ name, manifest, command, env = {} }: Build): Promise<string> {
  const target = join(cache, name);
  if (existsSync(target)) return target;
  await mkdir(cache, { recursive: true });
  const [program, ...args] = command(target);
  await using build = launch(program, args, { cwd: join(folder, manifest), env });
  await build.succeeded();
  return target;
}

interface Start extends ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Address that answers with 200 as soon as the router serves requests. */
  readonly readyUrl: string;
}

/** Maximum time of a start, in milliseconds. A router without optimization starts slowly. */
const startMs = 60_000;

/** Starts a router and waits until it serves requests. Disposing kills it. */
export async function startProgram({ command, args, readyUrl, ...options }: Start): Promise<AsyncDisposable> {
  const program = launch(command, args, options);
  const ready = eventually(
    async () => {
      const { ok, status } = await fetch(readyUrl);
      if (!ok) throw new Error(`${readyUrl} answers with ${status}.`);
    },
    { patienceMs: startMs },
  );
  const ended = program.succeeded().then(() => {
    throw new Error(`${command} has ended.`);
  });
  try {
    await Promise.race([ready, ended]);
  } catch (error) {
    ready.catch(() => {});
    await program[Symbol.asyncDispose]();
    throw error;
  }
  ended.catch(() => {});
  return program;
}

/** A folder for files of one router. Disposing removes it. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'aep-router-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
