import type { SqlExecutor } from './connection.ts';

/** A sandbox in the format of the sandbox management API. Dates are `YYYY-MM-DD HH:MM:SS` in UTC. */
export interface Sandbox {
  readonly id: string;
  readonly name: string;
  readonly title: string;
  readonly state: 'creating' | 'active' | 'deleting' | 'resetting' | 'deleted' | 'failed';
  readonly type: 'production' | 'development';
  readonly region: string;
  readonly isDefault: boolean;
  readonly eTag: number;
  readonly createdDate: string;
  readonly lastModifiedDate: string;
  readonly createdBy: string;
  readonly modifiedBy: string;
}

export interface SandboxStore {
  /** Lists all sandboxes in the order of insertion. */
  list(): Promise<Sandbox[]>;
  find(name: string): Promise<Sandbox | null>;
  insert(sandbox: Sandbox): Promise<void>;
}

export function createSandboxStore(database: SqlExecutor): SandboxStore {
  return {
    async list() {
      const rows = await database.all<{ document: string }>('SELECT document FROM sandboxes ORDER BY sort_order');
      return rows.map(parse);
    },

    async find(name) {
      const [row] = await database.all<{ document: string }>('SELECT document FROM sandboxes WHERE name = ?', [name]);
      return row === undefined ? null : parse(row);
    },

    insert(sandbox) {
      return database.run('INSERT INTO sandboxes SELECT ?, count(*), ? FROM sandboxes', [
        sandbox.name,
        JSON.stringify(sandbox),
      ]);
    },
  };
}

function parse({ document }: { document: string }): Sandbox {
  return JSON.parse(document);
}
