/** What every Parquet file begins with. */
export const parquetMark = 'PAR1';

/** As much of a body as a Parquet file's mark is long. */
export const markOf = async (response: Response): Promise<string> =>
  Buffer.from(await response.arrayBuffer())
    .subarray(0, parquetMark.length)
    .toString();
