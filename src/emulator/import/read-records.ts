import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { Session } from '../store/connection.ts';
import { type CsvRow, readCsv } from './csv.ts';
import { parseJson } from './json-text.ts';
import { LineError, maximumRecordLength, reasonOf, type SeedIssues } from './seed-error.ts';

/** One record of a file. */
export interface SeedRecord {
  /** File and position, such as `profiles.csv line 3` or `events.parquet row 12`. */
  readonly location: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** Whether all values are text, so that numbers and times must still be parsed. */
  readonly isText: boolean;
}

/** Number of rows of a Parquet file that are read at once. */
const rowsAtOnce = 10_000;

/**
 * Reads the records of a file: JSON Lines, CSV with a header, or Parquet.
 * @throws {SeedError} when the file cannot be read, or a record does not have the format of the file
 */
export async function* readRecords(
  folder: string,
  file: string,
  {
    session,
    issues,
    signal,
  }: { readonly session: Session; readonly issues: SeedIssues; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<SeedRecord> {
  const path = join(folder, file);
  try {
    if (file.endsWith('.parquet')) yield* readParquet(path, file, session);
    else if (file.endsWith('.csv')) yield* readCsvRecords(readText(path, signal), file, issues);
    else yield* readJsonLines(readText(path, signal), file, issues);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof LineError) issues.add(`${file} line ${error.line}`, error.message);
    else if (isAboutFile(error)) issues.add(file, `cannot be read: ${reasonOf(error)}`);
    else throw error;
    issues.throwIfAny();
  }
}

/** Whether an error comes from the file system or from the Parquet reader. */
function isAboutFile(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const hasCode = 'code' in error && typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code);
  return hasCode || /^[A-Z][\w ]*Error: /.test(error.message);
}

/** @throws {LineError} when the file is not UTF-8 */
async function* readText(path: string, signal: AbortSignal | undefined): AsyncGenerator<string> {
  // Removes a byte order mark.
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  for await (const chunk of createReadStream(path, { ...(signal && { signal }) })) {
    let text: string;
    try {
      text = decoder.decode(chunk, { stream: true });
    } catch {
      throw new LineError(line + linesBeforeInvalid(chunk), 'is not UTF-8 text');
    }
    yield text;
    line += countLines(text);
  }
  try {
    decoder.decode();
  } catch {
    throw new LineError(line, 'is not UTF-8 text');
  }
}

const lineFeed = 0x0a;

/** Number of lines that end before the first invalid UTF-8 byte. A character may have begun in an earlier chunk. */
function linesBeforeInvalid(chunk: Buffer): number {
  let lines = 0;
  for (let start = 0; start < chunk.length; lines += 1) {
    const end = chunk.indexOf(lineFeed, start);
    if (end === -1 || (start > 0 && !isUtf8(chunk.subarray(start, end)))) return lines;
    if (start === 0 && !isUtf8(chunk.subarray(firstCharacter(chunk), end))) return lines;
    start = end + 1;
  }
  return lines;
}

/** Index of the first byte that starts a character. Bytes of the form 10xxxxxx continue a character. */
function firstCharacter(chunk: Buffer): number {
  const first = chunk.findIndex((byte) => byte >> 6 !== 0b10);
  return first === -1 ? chunk.length : first;
}

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}

async function* readJsonLines(
  chunks: AsyncIterable<string>,
  file: string,
  issues: SeedIssues,
): AsyncGenerator<SeedRecord> {
  let line = 0;
  for await (const text of linesOf(chunks)) {
    line += 1;
    if (text.trim() === '') continue;
    const location = `${file} line ${line}`;
    const values = parseObject(text);
    if (values === null) issues.add(location, 'is not a JSON object');
    else yield { location, values, isText: false };
  }
}

/** Splits text at LF only, because JSON text may contain other line separators. */
async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  let line = 1;
  for await (const chunk of chunks) {
    const [first = '', ...more] = chunk.split('\n');
    rest += first;
    if (rest.length > maximumRecordLength) throw new LineError(line, 'has more than 16 MiB of text');
    const last = more.pop();
    if (last === undefined) continue;
    yield rest;
    yield* more;
    line += more.length + 1;
    rest = last;
  }
  if (rest !== '') yield rest;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  const value = parseJson(text);
  return isObject(value) ? value : null;
}

async function* readCsvRecords(
  chunks: AsyncIterable<string>,
  file: string,
  issues: SeedIssues,
): AsyncGenerator<SeedRecord> {
  let names: readonly string[] | null = null;
  for await (const row of readCsv(chunks)) {
    const location = `${file} line ${row.line}`;
    if (names === null) {
      names = row.values.map((name) => name.trim());
      const doubled = names.find((name, index) => name === '' || names?.indexOf(name) !== index);
      if (doubled !== undefined)
        throw new LineError(row.line, `is the header, in which ${JSON.stringify(doubled)} must be a unique name`);
    } else if (row.values.length !== names.length) {
      issues.add(location, `has ${row.values.length} values, but the header has ${names.length} names`);
    } else {
      yield { location, values: valuesOf(names, row), isText: true };
    }
  }
  if (names === null) throw new LineError(1, 'must be a header with the names of the fields');
}

/** Values by column name. An empty value counts as absent. */
function valuesOf(names: readonly string[], { values }: CsvRow): Readonly<Record<string, string>> {
  const pairs = names.map((name, index) => [name, values[index] ?? ''] as const);
  return Object.fromEntries(pairs.filter(([, value]) => value !== ''));
}

async function* readParquet(path: string, file: string, session: Session): AsyncGenerator<SeedRecord> {
  for (let first = 0; ; first += rowsAtOnce) {
    const rows = await session.all<Record<string, unknown> & { file_row_number: number }>(
      `SELECT * FROM read_parquet($1, file_row_number = true, hive_partitioning = false) WHERE file_row_number >= $2 AND file_row_number < $3
       ORDER BY file_row_number`,
      // DuckDB reads the path as a glob pattern. Brackets around a character escape it.
      [path.replaceAll(/[*?[]/g, '[$&]'), first, first + rowsAtOnce],
    );
    for (const { file_row_number: row, ...values } of rows) {
      yield { location: `${file} row ${row + 1}`, values, isText: false };
    }
    if (rows.length < rowsAtOnce) return;
  }
}

/** Whether a value is a plain object: no list, no time and no bytes. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Date || value instanceof Uint8Array)
  );
}
