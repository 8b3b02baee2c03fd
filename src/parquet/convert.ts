import type { Clock } from '../runtime/clock.ts';
import { createTurns } from '../runtime/turns.ts';
import { readFooter } from './footer.ts';
import { defaultLimits, type ParquetLimits } from './limits.ts';
import type { RangeReader } from './range-reader.ts';
import { RowGroupReader } from './row-group-reader.ts';
import { csvText, RowText } from './row-text.ts';
import type { Field } from './schema.ts';

export type TextFormat = 'CSV' | 'NDJSON';

export interface ConvertOptions {
  readonly file: RangeReader;
  readonly format: TextFormat;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** @default 16 MiB of footer, 32 MiB for a page, 128 MiB of memory, 16 MiB for a row */
  readonly limits?: ParquetLimits;
}

/** Number of rows that are loaded together. */
const batchRows = 512;
/** Length of a chunk of the result, in characters. */
const chunkLength = 64 * 1024;
/** Number of compressed bytes that are read ahead for all columns together. */
const readAheadBytes = 16 * 1024 * 1024;

/**
 * The rows of a file as text, in UTF-8. CSV has a header line, lines that end with CR LF, and one column for each field
 * of the schema; nested values are JSON. NDJSON has one object in each line. The next pages are read only when the
 * caller takes the next chunk. Pages of one row group are in memory, at most `limits.memoryBytes`, whatever the size of
 * the file.
 * @throws {ParquetError} the file is no Parquet, is damaged or exceeds a limit; also after some chunks
 * @throws the errors of `file`
 */
export async function* convertParquet({
  file,
  format,
  clock,
  limits = defaultLimits,
}: ConvertOptions): AsyncGenerator<Buffer, void> {
  const footer = await readFooter(file, limits);
  const { fields } = footer.schema;
  const rows = new RowText({ fields, limits, exactNumbers: 'digits' });
  const end = format === 'CSV' ? '\r\n' : '\n';
  let text = format === 'CSV' ? `${headerOf(fields)}${end}` : '';
  const turn = createTurns(clock);
  for (const group of footer.rowGroups) {
    if (group.rows === 0) continue;
    const reader = await RowGroupReader.open({ file, schema: footer.schema, group, limits, readAheadBytes, turn });
    rows.useGroup(reader);
    for (let left = group.rows; left > 0; ) {
      const count = Math.min(left, batchRows);
      await reader.load(count);
      for (let row = 0; row < count; row++) {
        text += `${format === 'CSV' ? rows.csv() : rows.json()}${end}`;
        if (text.length < chunkLength) continue;
        yield Buffer.from(text);
        text = '';
      }
      left -= count;
      await turn();
    }
  }
  if (text !== '') yield Buffer.from(text);
}

const headerOf = (fields: readonly Field[]): string => fields.map(({ name }) => csvText(name)).join(',');
