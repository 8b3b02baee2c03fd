/** Bounds of the resources that one file may use. A file that exceeds one of them is rejected as `too-large`. */
export interface ParquetLimits {
  /** Maximum length of the footer in bytes. */
  readonly footerBytes: number;
  /** Maximum length of one page in bytes, before and after decompression. */
  readonly pageBytes: number;
  /** Maximum number of bytes that the pages, dictionaries and ranges of one file occupy at the same time. */
  readonly memoryBytes: number;
  /** Maximum length of one row as JSON, in bytes, approximately. */
  readonly rowBytes: number;
}

/**
 * Limits for a whole file. Writers make pages of about 1 MiB (Spark) or of 122,880 values (DuckDB), and row groups of
 * 128 MiB, whose footer has about 150 bytes for each column.
 */
export const defaultLimits: ParquetLimits = {
  footerBytes: 16 * 1024 * 1024,
  pageBytes: 32 * 1024 * 1024,
  memoryBytes: 128 * 1024 * 1024,
  rowBytes: 16 * 1024 * 1024,
};

/** Maximum number of nodes of a schema. The union schemas of the platform have a few thousand. */
export const maxSchemaNodes = 20_000;
/** Maximum depth of a schema, including the groups of lists and maps. */
export const maxSchemaDepth = 64;
/** Maximum number of column chunks of a file: its columns times its row groups. */
export const maxColumnChunks = 200_000;
/** Maximum number of values of one page in a column with lists or maps, whose levels are held in memory. */
export const maxNestedPageValues = 4 * 1024 * 1024;
/** Maximum number of entries of a dictionary. */
export const maxDictionaryEntries = 4 * 1024 * 1024;
/** Maximum length of a page header in bytes. It contains the smallest and the largest value of the page. */
export const maxPageHeaderBytes = 256 * 1024;
