/**
 * Thrown when the data of `EMULATOR_SEED` is invalid. The message names each location, such as `profiles.csv line 3`.
 */
export class SeedError extends Error {
  override readonly name = 'SeedError';

  constructor(issues: readonly string[]) {
    super(`EMULATOR_SEED cannot be used: ${issues.join('; ')}`);
  }
}

/** Thrown when a line of a file cannot be read. */
export class LineError extends Error {
  override readonly name = 'LineError';
  /** Line number, starting at 1. */
  readonly line: number;

  constructor(line: number, problem: string) {
    super(problem);
    this.line = line;
  }
}

/** Maximum length of a JSON line or a CSV row, in characters. */
export const maximumRecordLength = 16_777_216;

/** Number of issues after which the import stops. */
const maximumIssues = 10;

/** Collects the issues of the seed data, so that one start reports several of them. */
export class SeedIssues {
  readonly #issues: string[] = [];

  /** @throws {SeedError} when the maximum number of issues is reached */
  add(location: string, problem: string): void {
    this.#issues.push(`${location}: ${problem}`);
    if (this.#issues.length >= maximumIssues) this.throwIfAny();
  }

  /** @throws {SeedError} when there is at least one issue */
  throwIfAny(): void {
    if (this.#issues.length > 0) throw new SeedError(this.#issues);
  }
}

/** Message of an error, on one line. */
export function reasonOf(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return line;
}
