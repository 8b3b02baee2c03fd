import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, openDatabase } from '../../src/emulator/store/database.ts';

/** The files of a closed database, by their names. */
type Files = ReadonlyMap<string, Buffer>;

/** Most databases that are remembered; one with few profiles has about 6 MiB. */
const maxRemembered = 8;

/** Those of this process, the one that was used last at the end. */
const remembered = new Map<string, Promise<Files>>();

/**
 * Puts into an empty folder the database that `seed` makes. It is made once for a `key` and copied from then on, since
 * seeding takes ten times as long as everything else about a start.
 * @param key says all that the data depends on
 */
export async function putSeeded(
  directory: string,
  key: string,
  seed: (database: Database) => Promise<void>,
): Promise<void> {
  const files = remembered.get(key) ?? make(seed);
  remembered.delete(key);
  remembered.set(key, files);
  // A seeding that failed is tried again by who comes next.
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
