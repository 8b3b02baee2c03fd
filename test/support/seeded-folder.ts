import { createHash, randomUUID } from 'node:crypto';
import { constants, mkdtempSync, rmSync } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../../src/emulator/store/connection.ts';
import { openDatabase } from '../../src/emulator/store/database.ts';

/** Environment variable with the folder that all workers of a run share. */
const sharedFolder = 'SEEDED_DATABASES';

/** Databases that this process creates, by key, until they are complete. */
const pending = new Map<string, Promise<void>>();

/** Creates the folder of the databases, unless another project of the run has done so, and removes it at the end. */
export function setup(): () => void {
  if (process.env[sharedFolder] !== undefined) return () => {};
  const directory = mkdtempSync(join(tmpdir(), 'aep-seeded-'));
  process.env[sharedFolder] = directory;
  return () => rmSync(directory, { recursive: true, force: true });
}

/**
 * Writes the database that `seed` creates into an empty folder. It is created once per `key` and then copied, because
 * seeding takes ten times as long as the rest of a start.
 * @param key identifies all inputs of the data
 */
export async function putSeeded(
  directory: string,
  key: string,
  seed: (database: Database) => Promise<void>,
): Promise<void> {
  const source = join(cacheFolder(), createHash('sha256').update(key).digest('hex'));
  await copyFiles(source, directory).catch(async (error: unknown) => {
    if (!isMissing(error)) throw error;
    const created = pending.get(source) ?? create(source, seed);
    pending.set(source, created);
    try {
      await created;
    } finally {
      pending.delete(source);
    }
    await copyFiles(source, directory);
  });
}

/** A program without the runner of the tests has a folder of its own. */
function cacheFolder(): string {
  if (process.env[sharedFolder] === undefined) process.once('exit', setup());
  return process.env[sharedFolder] ?? tmpdir();
}

/** Another worker may create the same database at the same time. The first complete one is kept. */
async function create(target: string, seed: (database: Database) => Promise<void>): Promise<void> {
  const directory = `${target}.${randomUUID()}`;
  try {
    await mkdir(directory);
    {
      await using database = await openDatabase({ directory, threads: 1 });
      await seed(database);
    }
    await rename(directory, target).catch((error: unknown) => {
      if (!isPresent(error)) throw error;
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function copyFiles(from: string, to: string): Promise<void> {
  const names = await readdir(from);
  await Promise.all(names.map((name) => copyFile(join(from, name), join(to, name), constants.COPYFILE_FICLONE)));
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);
const isMissing = (error: unknown): boolean => codeOf(error) === 'ENOENT';
const isPresent = (error: unknown): boolean => ['ENOTEMPTY', 'EEXIST'].includes(String(codeOf(error)));
