/**
 * `not-parquet`: the file has another format. `malformed`: the file contradicts itself or is cut off. `unsupported`: the
 * file uses a part of the format that is not implemented. `too-large`: a limit does not permit the file.
 */
export type ParquetProblem = 'not-parquet' | 'malformed' | 'unsupported' | 'too-large';

/** The only error that this folder throws, besides the errors of the range reader. Its message contains no data of the file. */
export class ParquetError extends Error {
  readonly problem: ParquetProblem;

  constructor(problem: ParquetProblem, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ParquetError';
    this.problem = problem;
  }
}

export const malformed = (message: string, cause?: unknown) => new ParquetError('malformed', message, cause);
export const unsupported = (message: string) => new ParquetError('unsupported', message);
export const tooLarge = (message: string) => new ParquetError('too-large', message);
