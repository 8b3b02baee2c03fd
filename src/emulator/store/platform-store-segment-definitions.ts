import type { SqlExecutor } from './connection.ts';

/** A stored segment definition; `operations/segment-definition-record.ts` converts it to the API's format. */
export interface SegmentDefinition {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly expression: { readonly type: string; readonly format: string; readonly value: string };
  readonly mergePolicyId: string;
  readonly evaluation: { readonly batch: boolean; readonly continuous: boolean; readonly synchronous: boolean };
  /** Unix epoch milliseconds. */
  readonly creationTime: number;
  /** Unix epoch milliseconds. */
  readonly updateTime: number;
}

export interface SegmentDefinitionStore {
  /** Lists all definitions of a sandbox, newest first. */
  list(sandbox: string): Promise<SegmentDefinition[]>;
  /** Returns the existing definitions with these ids, in no particular order. */
  findMany(sandbox: string, ids: readonly string[]): Promise<SegmentDefinition[]>;
  insert(sandbox: string, definitions: readonly SegmentDefinition[]): Promise<void>;
  /** Replaces the definition with the same id. */
  update(sandbox: string, definition: SegmentDefinition): Promise<void>;
  delete(sandbox: string, id: string): Promise<void>;
}

interface Row {
  readonly document: string;
}

export function createSegmentDefinitionStore(database: SqlExecutor): SegmentDefinitionStore {
  return {
    async list(sandbox) {
      const rows = await database.all<Row>(
        'SELECT document FROM segment_definitions WHERE sandbox = ? ORDER BY creation_time DESC, id DESC',
        [sandbox],
      );
      return rows.map(parse);
    },

    async findMany(sandbox, ids) {
      const rows = await database.all<Row>(
        'SELECT document FROM segment_definitions WHERE sandbox = ? AND list_contains(?, id)',
        [sandbox, ids],
      );
      return rows.map(parse);
    },

    insert(sandbox, definitions) {
      return database.run(
        `INSERT INTO segment_definitions (sandbox, id, creation_time, document)
         SELECT ?, unnest(?), unnest(?)::BIGINT, unnest(?)`,
        [
          sandbox,
          definitions.map(({ id }) => id),
          definitions.map(({ creationTime }) => String(creationTime)),
          definitions.map((definition) => JSON.stringify(definition)),
        ],
      );
    },

    update(sandbox, definition) {
      return database.run('UPDATE segment_definitions SET document = ? WHERE sandbox = ? AND id = ?', [
        JSON.stringify(definition),
        sandbox,
        definition.id,
      ]);
    },

    delete(sandbox, id) {
      return database.run('DELETE FROM segment_definitions WHERE sandbox = ? AND id = ?', [sandbox, id]);
    },
  };
}

function parse({ document }: Row): SegmentDefinition {
  return JSON.parse(document);
}
