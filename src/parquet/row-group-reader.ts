import { ChunkBytes, readFirstWindows, windowFor } from './chunk-bytes.ts';
import { ColumnReader, type PageStarts } from './column-reader.ts';
import type { RowGroup } from './footer.ts';
import type { ParquetLimits } from './limits.ts';
import { MemoryMeter } from './memory-meter.ts';
import { malformed, ParquetError } from './parquet-error.ts';
import type { RangeReader } from './range-reader.ts';
import type { Leaf, Schema } from './schema.ts';

export interface RowGroupOptions {
  readonly file: RangeReader;
  readonly schema: Schema;
  readonly group: RowGroup;
  readonly limits: ParquetLimits;
  /** Number of compressed bytes that are read ahead for all columns together. */
  readonly readAheadBytes: number;
  /** Maximum number of compressed bytes that are read ahead for one column. @default no maximum */
  readonly windowBytes?: number;
  /** Lets only the start of each page be read. @default null: pages are read to their end */
  readonly starts?: PageStarts | null;
  /** Called after each column, so that other work can take its turn. */
  readonly turn: () => Promise<void>;
}

/** Reads the rows of one row group, in which every column has its own pages. */
export class RowGroupReader {
  readonly #columns: readonly ColumnReader[];
  readonly #nested: readonly ColumnReader[];
  readonly #turn: () => Promise<void>;
  #rowsRead = 0;

  private constructor(columns: readonly ColumnReader[], leaves: readonly Leaf[], turn: () => Promise<void>) {
    this.#turn = turn;
    this.#columns = columns;
    this.#nested = columns.filter((_, index) => (leaves[index]?.maxRepetition ?? 0) > 0);
  }

  /** Opens the row group and reads the first bytes of each column. */
  static async open({
    file,
    schema,
    group,
    limits,
    readAheadBytes,
    windowBytes: maxWindowBytes = Number.POSITIVE_INFINITY,
    starts = null,
    turn,
  }: RowGroupOptions): Promise<RowGroupReader> {
    const meter = new MemoryMeter(limits.memoryBytes);
    const windowBytes = Math.min(maxWindowBytes, windowFor(group.columns, readAheadBytes));
    const columns = schema.leaves.map((leaf, index) => {
      const chunk = group.columns[index];
      // The footer was compared with the schema.
      if (chunk === undefined) throw malformed('A row group has another number of columns than the schema.');
      return { leaf, chunk, limits, meter, starts, bytes: new ChunkBytes({ file, chunk, windowBytes, meter }) };
    });
    await readFirstWindows(file, columns, windowBytes);
    return new RowGroupReader(
      columns.map((column) => new ColumnReader(column)),
      schema.leaves,
      turn,
    );
  }

  /** Reads pages until `rows` rows can be read without waiting. */
  async load(rows: number): Promise<void> {
    for (const column of this.#columns) {
      if (column.hasRows(rows)) continue;
      await withCode(() => column.load(rows));
      await this.#turn();
    }
  }

  column(leaf: Leaf): ColumnReader {
    const column = this.#columns[leaf.index];
    if (column === undefined) throw malformed('A row group has another number of columns than the schema.');
    return column;
  }

  /**
   * Calls `read`, which takes the values of one row from all columns.
   * @throws {ParquetError} the lists of two columns that belong together have different lengths, or a page is damaged
   */
  readRow<Row>(read: () => Row): Row {
    const row = withCodeSync(read);
    this.#rowsRead += 1;
    for (const column of this.#nested) {
      if (column.repetition !== 0 || column.rowsTaken !== this.#rowsRead)
        throw malformed('The columns of a list have different lengths.');
    }
    return row;
  }
}

/** Node reports the end of a Buffer as a RangeError. In a page it means that the page is cut off. */
const coded = (error: unknown): unknown =>
  error instanceof RangeError && !(error instanceof ParquetError) ? malformed('A page is cut off.', error) : error;

async function withCode(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw coded(error);
  }
}

function withCodeSync<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw coded(error);
  }
}
