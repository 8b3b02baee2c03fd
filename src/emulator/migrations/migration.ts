/** One step of the database layout. A step that was ever released is never edited: the next change is a new step. */
export interface Migration {
  /** Unique and ordered, e.g. `0001-population`. What is recorded in `schema_migrations`. */
  readonly id: string;
  /** Run one by one inside a single transaction. */
  readonly statements: readonly string[];
}
