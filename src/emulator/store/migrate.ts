import type { Migration } from '../migrations/migration.ts';
import type { Database } from './connection.ts';

/**
 * Applies pending migrations, each in its own transaction, so that a failed migration or a killed process leaves the
 * database at the previous migration.
 * @throws {Error} when the database was created by a newer version, and so has a migration that is not in `migrations`.
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
