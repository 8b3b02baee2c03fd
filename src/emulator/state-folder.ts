import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchesFolderName } from './jobs/batch-folder.ts';
import type { Database } from './store/connection.ts';
import { type DatabaseLimits, databaseFiles, EmulatorNotInstalledError, openDatabase } from './store/database.ts';

/** Thrown when the state folder cannot be created, or its database cannot be opened. */
export class StateFolderError extends Error {
  override readonly name = 'StateFolderError';

  constructor(cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`EMULATOR_DIR must be a folder that the emulator can use: ${reason}`, { cause });
  }
}

/**
 * Creates the state folder, or a temporary one when no folder is given.
 * @throws {StateFolderError}
 */
export async function makeStateFolder(kept: string | undefined): Promise<string> {
  try {
    if (kept === undefined) return await mkdtemp(join(tmpdir(), 'aep-emulator-'));
    await mkdir(kept, { recursive: true });
    return kept;
  } catch (error) {
    throw new StateFolderError(error);
  }
}

/**
 * Opens the database of the folder.
 * @throws {StateFolderError}
 * @throws {EmulatorNotInstalledError} when the package of the database is missing
 */
export async function openStateFolder(directory: string, limits: DatabaseLimits): Promise<Database> {
  try {
    return await openDatabase({ directory, ...limits });
  } catch (error) {
    throw error instanceof EmulatorNotInstalledError ? error : new StateFolderError(error);
  }
}

/**
 * Removes the emulator's files from the folder, and no other file. The database must be closed.
 * @throws {StateFolderError}
 */
export async function emptyStateFolder(directory: string): Promise<void> {
  try {
    for (const name of [...databaseFiles, batchesFolderName]) {
      await rm(join(directory, name), { recursive: true, force: true });
    }
  } catch (error) {
    throw new StateFolderError(error);
  }
}
