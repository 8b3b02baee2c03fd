import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database, Session } from '../store/connection.ts';
import type { ExportResult } from '../store/platform-store-batch-files.ts';
import { identifier, literal } from '../store/sql.ts';
import { type IdentityNamespace, identityNamespaces } from '../xdm/schema.ts';
import { type CompiledExport, compileExport, type ExportPart, keysTable, profileKeyColumns } from './compile-export.ts';
import type { ExportSelection } from './export-selection.ts';

export { type ExportSelection, ExportSelectionError } from './export-selection.ts';

/**
 * Bounds the memory of an export together with `rowsPerRowGroup`, because all rows of a part are assembled at once and
 * each thread holds one row group before it writes it. With these two values, a million profiles with all fields and
 * events need 1.3 to 1.4 GiB resident under the default memory limit, and so do two such exports at once.
 */
const maxRowsPerPart = 50_000;
const rowsPerRowGroup = 10_240;

/**
 * Writes the selected profiles as Parquet files (snappy) into `directory`, one row per profile, from one snapshot. The
 * files appear atomically and replace the content of the directory; a failed export leaves no file.
 * @throws {ExportSelectionError} when the merge policy is unknown, or none of the fields exists.
 * @throws the signal's reason when `signal` aborts before the files have appeared.
 */
export async function exportProfiles(
  db: Pick<Database, 'session' | 'fields'>,
  selection: ExportSelection,
  directory: string,
  signal?: AbortSignal,
): Promise<ExportResult> {
  const compiled = compileExport(selection, db.fields);
  const partial = `${directory}.partial`;
  // A killed process may have left its files here.
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  try {
    const written = await db.session(
      (session) => session.transaction(() => writeParts(session, compiled, partial)),
      signal,
    );
    const parts = await Promise.all(
      written.rows.map(async (rows, part) => {
        const name = partName(part);
        const { size } = await stat(join(partial, name));
        return { name, path: join(directory, name), sizeBytes: size, rows };
      }),
    );
    signal?.throwIfAborted();
    await rm(directory, { recursive: true, force: true });
    await rename(partial, directory);
    return { parts, profiles: sum(written.rows), profilesByNamespace: written.profilesByNamespace };
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch((cause: unknown) => {
      throw new AggregateError([error, cause], 'An export failed and its files could not be removed.');
    });
    throw error;
  }
}

/**
 * Number of profiles that an export of this selection would write now.
 * @throws {ExportSelectionError} as `exportProfiles` does.
 */
export async function countProfiles(db: Pick<Database, 'all' | 'fields'>, selection: ExportSelection): Promise<number> {
  const { keys } = compileExport(selection, db.fields);
  const [row] = await db.all<{ profiles: number }>(`SELECT count(*) AS profiles FROM (${keys.sql})`, keys.parameters);
  return row?.profiles ?? 0;
}

/** Selects the profiles first, so that files and counts refer to the same profiles. */
async function writeParts(session: Session, { keys, rows }: CompiledExport, folder: string) {
  await session.run(`CREATE TEMP TABLE ${keysTable} (${profileKeyColumns.join(', ')}, part INTEGER)`);
  await session.run(
    `INSERT INTO ${keysTable}
     SELECT *, (row_number() OVER (ORDER BY person, source) - 1) // ${maxRowsPerPart} FROM (${keys.sql})`,
    keys.parameters,
  );
  const counts = identityNamespaces.map((each) => `count_if(${identifier(each)}) AS ${identifier(each)}`);
  const parts = await session.all<ExportPart & Record<IdentityNamespace, number>>(
    `SELECT part, min(person) AS "firstPerson", max(person) AS "lastPerson", ${counts.join(', ')}
     FROM ${keysTable} GROUP BY part ORDER BY part`,
  );
  const rowsByPart: number[] = [];
  for (const part of parts.length === 0 ? [emptyPart] : parts) {
    const { sql, parameters } = rows(part);
    const path = join(folder, partName(part.part));
    const [copied] = await session.all<{ Count: number }>(
      `COPY (${sql}) TO ${literal(path)} (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE ${rowsPerRowGroup})`,
      parameters,
    );
    rowsByPart.push(copied?.Count ?? 0);
  }
  const profilesByNamespace = identityNamespaces
    .map((namespace) => [namespace, sum(parts.map((part) => part[namespace]))] as const)
    .filter(([, profiles]) => profiles > 0);
  return { rows: rowsByPart, profilesByNamespace: Object.fromEntries(profilesByNamespace) };
}

const emptyPart: ExportPart = { part: 0, firstPerson: 0, lastPerson: 0 };
const partNumberDigits = 5;
const partName = (part: number) => `part-${String(part).padStart(partNumberDigits, '0')}.parquet`;

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
