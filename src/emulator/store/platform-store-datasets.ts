import type { JsonObject } from '../json.ts';
import type { SqlExecutor } from './connection.ts';

/**
 * A Catalog dataset. It is stored as a document, because Catalog keeps all fields that clients send. The document does
 * not contain the id.
 */
export interface Dataset {
  readonly id: string;
  /** Unix epoch milliseconds. */
  readonly created: number;
  readonly document: JsonObject;
}

export interface DatasetStore {
  /** Lists all datasets of a sandbox, newest first. */
  list(sandbox: string): Promise<Dataset[]>;
  /** Returns the existing datasets with these ids, in no particular order. */
  findMany(sandbox: string, ids: readonly string[]): Promise<Dataset[]>;
  find(sandbox: string, id: string): Promise<Dataset | null>;
  insert(sandbox: string, datasets: readonly Dataset[]): Promise<void>;
  /** Replaces the document. */
  update(sandbox: string, id: string, document: JsonObject): Promise<void>;
  delete(sandbox: string, id: string): Promise<void>;
}

interface Row {
  readonly id: string;
  readonly created: number;
  readonly document: string;
}

export function createDatasetStore(database: SqlExecutor): DatasetStore {
  const findMany: DatasetStore['findMany'] = async (sandbox, ids) => {
    const rows = await database.all<Row>(
      'SELECT id, created, document FROM datasets WHERE sandbox = ? AND list_contains(?, id)',
      [sandbox, ids],
    );
    return rows.map(parse);
  };

  return {
    findMany,

    async list(sandbox) {
      const rows = await database.all<Row>(
        'SELECT id, created, document FROM datasets WHERE sandbox = ? ORDER BY created DESC, id',
        [sandbox],
      );
      return rows.map(parse);
    },

    async find(sandbox, id) {
      return (await findMany(sandbox, [id]))[0] ?? null;
    },

    insert(sandbox, datasets) {
      return database.run(
        `INSERT INTO datasets (sandbox, id, created, document)
         SELECT ?, unnest(?), unnest(?)::BIGINT, unnest(?)`,
        [
          sandbox,
          datasets.map(({ id }) => id),
          datasets.map(({ created }) => String(created)),
          datasets.map(({ document }) => JSON.stringify(document)),
        ],
      );
    },

    update(sandbox, id, document) {
      return database.run('UPDATE datasets SET document = ? WHERE sandbox = ? AND id = ?', [
        JSON.stringify(document),
        sandbox,
        id,
      ]);
    },

    delete(sandbox, id) {
      return database.run('DELETE FROM datasets WHERE sandbox = ? AND id = ?', [sandbox, id]);
    },
  };
}

function parse({ id, created, document }: Row): Dataset {
  return { id, created, document: JSON.parse(document) };
}
