import type { Clock } from '../runtime/clock.ts';
import { createTurns } from '../runtime/turns.ts';
import type { PageStarts } from './column-reader.ts';
import { columnsOf, type ParquetColumn } from './columns.ts';
import { type Footer, readFooter } from './footer.ts';
import { defaultLimits, type ParquetLimits } from './limits.ts';
import { ParquetError, tooLarge } from './parquet-error.ts';
import type { RangeReader } from './range-reader.ts';
import { RowGroupReader } from './row-group-reader.ts';
import { RowText } from './row-text.ts';

/** Columns and size of a file, from its footer. */
export interface ParquetSummary {
  readonly columns: readonly ParquetColumn[];
  readonly rowCount: number;
}

export interface ParquetPreview extends ParquetSummary {
  /** The first rows. Integers and decimals that a double does not represent are strings. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

export interface PreviewOptions {
  readonly file: RangeReader;
  /** Maximum number of rows. */
  readonly rows: number;
  /** Maximum number of bytes that are read from the file. @default 8 MiB */
  readonly maxBytesRead?: number;
  /** Maximum number of values of all rows, also of those in lists. @default 100,000 */
  readonly maxCells?: number;
  /** Maximum length of all rows as JSON, in characters. @default 1 MiB */
  readonly maxTextLength?: number;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
}

/** Maximum number of bytes that a preview or a summary reads from a file. */
const defaultBytesRead = 8 * 1024 * 1024;
/** Limits of a preview. A page must fit into the bytes that may be read. */
const previewLimits: ParquetLimits = {
  ...defaultLimits,
  footerBytes: defaultBytesRead,
  memoryBytes: 64 * 1024 * 1024,
  rowBytes: 1024 * 1024,
};
/** Number of compressed bytes that are read ahead for all columns together. */
const readAheadBytes = 1024 * 1024;
/** Number of compressed bytes that are read ahead for one column. */
const windowBytes = 32 * 1024;
/** Number of bytes that are read of each page at first. */
const firstStartBytes = 16 * 1024;

/**
 * Reads columns and row count from the footer.
 * @throws {ParquetError} the file is no Parquet, is damaged, or has a footer of more than 8 MiB
 */
export async function readSummary(file: RangeReader): Promise<ParquetSummary> {
  return summaryOf(await readFooter(boundedReader(file, defaultBytesRead), previewLimits));
}

const summaryOf = ({ schema, rows }: Footer): ParquetSummary => ({ columns: columnsOf(schema), rowCount: rows });

/**
 * Reads the first rows: the footer and the first pages of each column. Fewer rows are returned if more would exceed a
 * limit.
 * @throws {ParquetError} the file is no Parquet or is damaged, or not even its first row is within the limits
 */
export async function readPreview(options: PreviewOptions): Promise<ParquetPreview> {
  const { maxBytesRead = defaultBytesRead } = options;
  const file = boundedReader(options.file, maxBytesRead);
  const footer = await readFooter(file, previewLimits);
  const lines = await readLines({ ...options, file: rememberingReader(file) }, footer);
  return { ...summaryOf(footer), rows: await parsed(lines, options.clock) };
}

/** Parses a few rows at a time, because rows may be long. */
async function parsed(lines: readonly string[], clock: PreviewOptions['clock']): Promise<ParquetPreview['rows']> {
  const turn = createTurns(clock);
  const rows: ParquetPreview['rows'][number][] = [];
  for (const line of lines) {
    // The line is an object that was written here.
    rows.push(JSON.parse(line) as ParquetPreview['rows'][number]);
    await turn();
  }
  return rows;
}

/** Rows as JSON. The start of each page is read, and more of it if it does not contain the rows. */
async function readLines(options: PreviewOptions, footer: Footer): Promise<readonly string[]> {
  let lines: readonly string[] = [];
  for (let bytes = firstStartBytes; ; bytes *= 8) {
    const starts = bytes < defaultBytesRead ? { bytes, cut: false } : null;
    const attempt: string[] = [];
    try {
      await addLines(attempt, { ...options, starts }, footer);
      return attempt;
    } catch (error) {
      if (!(error instanceof ParquetError)) throw error;
      if (attempt.length > lines.length) lines = attempt;
      if (error.problem === 'malformed' && starts?.cut === true) continue;
      // The rows before the limit are a preview, too.
      if (error.problem === 'too-large' && lines.length > 0) return lines;
      throw error;
    }
  }
}

async function addLines(
  lines: string[],
  options: PreviewOptions & { readonly starts: PageStarts | null },
  { schema, rowGroups }: Footer,
): Promise<void> {
  const { file, rows: wanted, maxCells = 100_000, maxTextLength = 1024 * 1024, starts, clock } = options;
  const turn = createTurns(clock);
  const text = new RowText({ fields: schema.fields, limits: previewLimits, exactNumbers: 'string' });
  let length = 0;
  for (const group of rowGroups) {
    const count = Math.min(group.rows, wanted - lines.length);
    if (count <= 0) continue;
    const reader = await RowGroupReader.open({
      file,
      schema,
      group,
      limits: previewLimits,
      readAheadBytes,
      windowBytes,
      starts,
      turn,
    });
    text.useGroup(reader);
    for (let row = 0; row < count; row++) {
      await reader.load(1);
      const line = text.json();
      length += line.length;
      if (text.cells > maxCells || length > maxTextLength) throw tooLarge('The rows are longer than a preview may be.');
      lines.push(line);
    }
  }
}

/** A reader that reads no range twice. Its memory is bounded by the number of bytes that may be read. */
function rememberingReader(file: RangeReader): RangeReader {
  const known: { readonly first: number; readonly end: number; readonly bytes: Uint8Array }[] = [];
  return {
    byteLength: file.byteLength,
    read: async (first, end) => {
      const found = known.find((range) => range.first <= first && end <= range.end);
      if (found !== undefined) return found.bytes.subarray(first - found.first, end - found.first);
      const bytes = await file.read(first, end);
      known.push({ first, end, bytes });
      return bytes;
    },
  };
}

/** A reader that returns at most `maxBytes` bytes in total. */
function boundedReader(file: RangeReader, maxBytes: number): RangeReader {
  let left = maxBytes;
  return {
    byteLength: file.byteLength,
    read: (first, end) => {
      left -= end - first;
      if (left < 0) throw tooLarge(`More than ${maxBytes} bytes of the file are needed.`);
      return file.read(first, end);
    },
  };
}
