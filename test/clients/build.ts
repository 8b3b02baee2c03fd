import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { launch } from '../support/program.ts';
import type { Client, Command } from './clients.ts';

const root = join(import.meta.dirname, '../..');
/** Outside of the sources, and ignored by every tool. It is kept, so that a second run compiles only what has changed. */
const cache = join(root, 'node_modules/.cache/clients');
/** Of one command. A first build compiles all packages of a client. */
const timeoutMs = 30 * 60_000;

/** Thrown when the tools or the packages of a client are not available. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
}

const builds = new Map<string, Promise<string>>();

/**
 * Installs and compiles a client in a copy of its folder, once for all clients of a folder.
 * @returns the copy
 * @throws {UnavailableError} when its packages cannot be installed
 * @throws {Error} when it cannot be compiled
 */
export function build({ sources }: Client): Promise<string> {
  let folder = builds.get(sources.folder);
  if (folder === undefined) {
    folder = copyAndBuild(sources);
    builds.set(sources.folder, folder);
  }
  return folder;
}

async function copyAndBuild({ folder, shared = [], install, compile }: Client['sources']): Promise<string> {
  const target = join(cache, folder, 'source');
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  const source = join(import.meta.dirname, folder);
  // Compilers detect a change by its time.
  await cp(source, target, { recursive: true, preserveTimestamps: true });
  for (const path of shared) await cp(join(root, path), join(target, basename(path)));
  try {
    for (const command of install) await succeed(command, target);
  } catch (error) {
    throw new UnavailableError(error instanceof Error ? error.message : String(error));
  }
  for (const command of compile) await succeed(command, target);
  return target;
}

async function succeed([command, ...args]: Command, cwd: string): Promise<void> {
  await using program = launch(command, args, { cwd, timeoutMs });
  await program.succeeded();
}

/** Version of a client, from the file that pins it. */
export async function versionOf({ name, sources, version }: Client): Promise<string> {
  const text = await readFile(join(import.meta.dirname, sources.folder, version.file), 'utf8');
  const [, found] = version.pattern.exec(text) ?? [];
  if (found === undefined) throw new Error(`${version.file} pins no version of ${name}.`);
  return found;
}
