import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExportedPart } from '../engine/export-profiles.ts';
import type { BatchFile } from '../store/platform-store-batch-files.ts';

/** Most Parquet files that one Data Access file lists; a batch with more has several files. */
const partsPerFile = 8;

/** Holds a folder for each batch that has files. */
export const batchesFolderName = 'batches';

/** The folders in which batches keep their Parquet files. */
export class BatchFolders {
  readonly #directory: string;

  /** @param directory the folder of the emulator */
  constructor(directory: string) {
    this.#directory = directory;
  }

  pathOf(batchId: string): string {
    return join(this.#directory, batchesFolderName, batchId);
  }

  /** The path of a part in the file system. */
  resolve(relativePath: string): string {
    return join(this.#directory, relativePath);
  }

  /** Removes the files of batches, and what an export that was killed may have left unfinished beside them. */
  async remove(batchIds: readonly string[]): Promise<void> {
    for (const batchId of batchIds) {
      await rm(this.pathOf(batchId), { recursive: true, force: true });
      await rm(`${this.pathOf(batchId)}.partial`, { recursive: true, force: true });
    }
  }

  /** What Data Access is to list for the parts that an export wrote into the folder of its batch. */
  filesOf(
    batch: { readonly batchId: string; readonly dataSetViewId: string; readonly created: number },
    parts: readonly ExportedPart[],
  ): BatchFile[] {
    const files: BatchFile[] = [];
    for (let first = 0; first < parts.length; first += partsPerFile) {
      files.push({
        id: `${batch.batchId}-${files.length + 1}`,
        ...batch,
        parts: parts.slice(first, first + partsPerFile).map(({ name, sizeBytes, rows }) => ({
          name,
          path: join(batchesFolderName, batch.batchId, name),
          sizeBytes,
          rows,
        })),
      });
    }
    return files;
  }
}
