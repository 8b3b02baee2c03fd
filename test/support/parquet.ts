/** First bytes of every Parquet file. */
export const parquetMark = 'PAR1';

/** The first bytes of a body, with the length of the Parquet mark. */
export const markOf = async (response: Response): Promise<string> =>
  Buffer.from(await response.arrayBuffer())
    .subarray(0, parquetMark.length)
    .toString();
