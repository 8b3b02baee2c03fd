import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BatchFile, ExportedPart } from '../store/platform-store-batch-files.ts';

/** Maximum number of Parquet files in one Data Access file. A batch with more parts has several files. */
const partsPerFile = 8;

/** Name of the folder that contains one folder per batch with files. */
export const batchesFolderName = 'batches';

/** The folders that store the Parquet files of batches. */
export class BatchFolders {
  readonly #directory: string;

  /** @param directory the folder of the emulator */
  constructor(directory: string) {
    this.#directory = directory;
  }

  pathOf(batchId: string): string {
    return join(this.#directory, batchesFolderName, batchId);
  }

  /** File system path of a part. */
  resolve(relativePath: string): string {
    return join(this.#directory, relativePath);
  }

  /** Removes the files of batches, including unfinished files of a killed export. */
  async remove(batchIds: readonly string[]): Promise<void> {
    for (const batchId of batchIds) {
      await rm(this.pathOf(batchId), { recursive: true, force: true });
      await rm(`${this.pathOf(batchId)}.partial`, { recursive: true, force: true });
    }
  }

  /** Data Access files for the parts that an export wrote into the folder of its batch. */
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
