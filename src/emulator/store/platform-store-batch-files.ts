import type { SqlExecutor } from './connection.ts';

/** One Parquet file of an export. */
export interface ExportedPart {
  /** `part-00000.parquet`, numbered from 0. */
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly rows: number;
}

export interface ExportResult {
  /** At least one part, even when nothing was selected. */
  readonly parts: readonly ExportedPart[];
  /** Number of rows over all parts. */
  readonly profiles: number;
  /** Per namespace, the number of exported profiles with an identity in it. */
  readonly profilesByNamespace: Readonly<Record<string, number>>;
}

/** One Parquet file of a dataset file. */
export interface FilePart {
  readonly name: string;
  /** Location of the bytes, relative to the folder of the emulator. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly rows: number;
}

/** A dataset file as defined by Data Access: a folder of parts that belongs to a batch. */
export interface BatchFile {
  /** `{batchId}-{n}`, starting at 1. */
  readonly id: string;
  readonly batchId: string;
  readonly dataSetViewId: string;
  /** Unix epoch milliseconds. */
  readonly created: number;
  readonly parts: readonly FilePart[];
}

/** Result of an export for one batch. */
export interface WrittenBatch {
  readonly batchId: string;
  readonly result: ExportResult;
  readonly files: readonly BatchFile[];
}

export interface BatchFileStore {
  /** Lists the files of a batch in order. */
  list(sandbox: string, batchId: string): Promise<BatchFile[]>;
  find(sandbox: string, fileId: string): Promise<BatchFile | null>;
  /** Replaces the files of a batch. */
  replace(sandbox: string, batchId: string, files: readonly BatchFile[]): Promise<void>;
}

interface Row {
  readonly document: string;
}

export function createBatchFileStore(database: SqlExecutor): BatchFileStore {
  return {
    async list(sandbox, batchId) {
      const rows = await database.all<Row>(
        'SELECT document FROM batch_files WHERE sandbox = ? AND batch_id = ? ORDER BY position',
        [sandbox, batchId],
      );
      return rows.map(parse);
    },

    async find(sandbox, fileId) {
      const [row] = await database.all<Row>('SELECT document FROM batch_files WHERE sandbox = ? AND file_id = ?', [
        sandbox,
        fileId,
      ]);
      return row === undefined ? null : parse(row);
    },

    async replace(sandbox, batchId, files) {
      await database.run('DELETE FROM batch_files WHERE sandbox = ? AND batch_id = ?', [sandbox, batchId]);
      await database.run(
        `INSERT INTO batch_files (sandbox, file_id, batch_id, position, document)
         SELECT ?, unnest(?), ?, unnest(?)::INTEGER, unnest(?)`,
        [
          sandbox,
          files.map(({ id }) => id),
          batchId,
          files.map((_, position) => String(position)),
          files.map((file) => JSON.stringify(file)),
        ],
      );
    },
  };
}

function parse({ document }: Row): BatchFile {
  return JSON.parse(document);
}
