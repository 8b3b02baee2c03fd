import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../../src/emulator/store/connection.ts';
import { openDatabase } from '../../src/emulator/store/database.ts';

/** Files of a closed database, by name. */
type Files = ReadonlyMap<string, Buffer>;

/** Maximum number of cached databases. A database with few profiles has about 6 MiB. */
const maxRemembered = 8;

/** Cached databases of this process, least recently used first. */
const remembered = new Map<string, Promise<Files>>();

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
  const files = remembered.get(key) ?? make(seed);
  remembered.delete(key);
  remembered.set(key, files);
  // A failed seeding is repeated by the next caller.
  files.catch(() => remembered.delete(key));
  for (const oldest of [...remembered.keys()].slice(0, -maxRemembered)) remembered.delete(oldest);
  for (const [name, bytes] of await files) await writeFile(join(directory, name), bytes);
}

async function make(seed: (database: Database) => Promise<void>): Promise<Files> {
  const directory = await mkdtemp(join(tmpdir(), 'aep-seeded-'));
  try {
    {
      await using database = await openDatabase({ directory });
      await seed(database);
    }
    const files = new Map<string, Buffer>();
    for (const name of await readdir(directory)) files.set(name, await readFile(join(directory, name)));
    return files;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
