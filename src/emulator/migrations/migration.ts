/** One step of the database layout. A released step is never edited; each change is a new step. */
export interface Migration {
  /** Unique and ordered id, such as `0001-population`. It is recorded in `schema_migrations`. */
  readonly id: string;
  /** Statements that run one by one in a single transaction. */
  readonly statements: readonly string[];
}
