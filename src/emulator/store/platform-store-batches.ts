import type { JsonObject } from '../json.ts';
import type { SqlExecutor } from './connection.ts';

/** States of a Catalog batch during and after an export. */
export type BatchStatus =
  | 'loading'
  | 'processing'
  | 'loaded'
  | 'staging'
  | 'success'
  | 'failed'
  // Synonym of `failed`, which real batches have as well.
  | 'failure'
  | 'aborted'
  | 'inactive';

/** A Catalog batch. The document does not contain the id. */
export interface Batch {
  readonly id: string;
  readonly datasetId: string;
  /** Unix epoch milliseconds. */
  readonly created: number;
  readonly document: JsonObject & { readonly status: BatchStatus };
}

/** Filter for batches; null = unfiltered. Times are exclusive bounds in Unix epoch milliseconds. */
export interface BatchSelection {
  readonly datasetIds: readonly string[] | null;
  readonly createdAfter: number | null;
  readonly createdBefore: number | null;
}

export interface BatchStore {
  /** Lists batches, newest first. */
  list(sandbox: string, selection: BatchSelection): Promise<Batch[]>;
  /** Returns the existing batches with these ids, in no particular order. */
  findMany(sandbox: string, ids: readonly string[]): Promise<Batch[]>;
  find(sandbox: string, id: string): Promise<Batch | null>;
  insert(sandbox: string, batches: readonly Batch[]): Promise<void>;
  /** Replaces the document. */
  update(sandbox: string, id: string, document: Batch['document']): Promise<void>;
}

interface Row {
  readonly id: string;
  readonly dataset_id: string;
  readonly created: number;
  readonly document: string;
}

const columns = 'id, dataset_id, created, document';

export function createBatchStore(database: SqlExecutor): BatchStore {
  const findMany: BatchStore['findMany'] = async (sandbox, ids) => {
    const rows = await database.all<Row>(`SELECT ${columns} FROM batches WHERE sandbox = ? AND list_contains(?, id)`, [
      sandbox,
      ids,
    ]);
    return rows.map(parse);
  };

  return {
    findMany,

    async list(sandbox, { datasetIds, createdAfter, createdBefore }) {
      const ofDatasets = datasetIds === null ? '' : 'AND list_contains(?, dataset_id)';
      const rows = await database.all<Row>(
        `SELECT ${columns} FROM batches WHERE sandbox = ? AND created > ? AND created < ? ${ofDatasets}
         ORDER BY created DESC, id`,
        [
          sandbox,
          createdAfter ?? Number.MIN_SAFE_INTEGER,
          createdBefore ?? Number.MAX_SAFE_INTEGER,
          ...(datasetIds === null ? [] : [datasetIds]),
        ],
      );
      return rows.map(parse);
    },

    async find(sandbox, id) {
      return (await findMany(sandbox, [id]))[0] ?? null;
    },

    insert(sandbox, batches) {
      return database.run(
        `INSERT INTO batches (sandbox, id, dataset_id, created, document)
         SELECT ?, unnest(?), unnest(?), unnest(?)::BIGINT, unnest(?)`,
        [
          sandbox,
          batches.map(({ id }) => id),
          batches.map(({ datasetId }) => datasetId),
          batches.map(({ created }) => String(created)),
          batches.map(({ document }) => JSON.stringify(document)),
        ],
      );
    },

    update(sandbox, id, document) {
      return database.run('UPDATE batches SET document = ? WHERE sandbox = ? AND id = ?', [
        JSON.stringify(document),
        sandbox,
        id,
      ]);
    },
  };
}

function parse(row: Row): Batch {
  return { id: row.id, datasetId: row.dataset_id, created: row.created, document: JSON.parse(row.document) };
}
