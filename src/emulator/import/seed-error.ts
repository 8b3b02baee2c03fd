/** Thrown when the data of `EMULATOR_SEED` cannot be used. The message names each place, such as `profiles.csv line 3`. */
export class SeedError extends Error {
  override readonly name = 'SeedError';

  constructor(issues: readonly string[]) {
    super(`EMULATOR_SEED cannot be used: ${issues.join('; ')}`);
  }
}

/** Thrown for a line of a file that cannot be read. */
export class LineError extends Error {
  override readonly name = 'LineError';
  /** From 1. */
  readonly line: number;

  constructor(line: number, problem: string) {
    super(problem);
    this.line = line;
  }
}

/** Most characters of a line of JSON, or of a row of CSV. */
export const maximumRecordLength = 16_777_216;

/** Most issues that are collected before the import is given up. */
const maximumIssues = 10;

/** Collects what is wrong with the data of a seed, so that one attempt shows several issues. */
export class SeedIssues {
  readonly #issues: string[] = [];

  /** @throws {SeedError} when there are enough */
  add(place: string, problem: string): void {
    this.#issues.push(`${place}: ${problem}`);
    if (this.#issues.length >= maximumIssues) this.throwIfAny();
  }

  /** @throws {SeedError} when there is an issue */
  throwIfAny(): void {
    if (this.#issues.length > 0) throw new SeedError(this.#issues);
  }
}

/** Text of an error on one line. */
export function reasonOf(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return line;
}
