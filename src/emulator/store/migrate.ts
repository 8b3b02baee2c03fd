import type { Migration } from '../migrations/migration.ts';
import type { Database } from './database.ts';

/**
 * Applies the steps that the database has not seen, each in a transaction of its own, so that a step that fails (or a
 * process that dies) leaves the database as the step before it made it.
 * @throws {Error} when the database was made by a newer version, that is, it has a step that is not in `migrations`.
 */
export async function migrate(db: Pick<Database, 'all' | 'run' | 'transaction'>, migrations: readonly Migration[]) {
  await db.run('CREATE TABLE IF NOT EXISTS schema_migrations (id VARCHAR PRIMARY KEY)');
  const rows = await db.all<{ id: string }>('SELECT id FROM schema_migrations');
  const known = new Set(migrations.map(({ id }) => id));
  const applied = new Set(rows.map(({ id }) => id));
  const unknown = [...applied].filter((id) => !known.has(id));
  if (unknown.length > 0) {
    throw new Error(`The platform database was made by a newer version of the emulator (${unknown.join(', ')}).`);
  }
  for (const { id, statements } of migrations) {
    if (applied.has(id)) continue;
    await db.transaction(async (tx) => {
      for (const statement of statements) await tx.run(statement);
      await tx.run('INSERT INTO schema_migrations VALUES ($1)', [id]);
    });
  }
}
