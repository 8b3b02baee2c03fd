import type { Migration } from './migration.ts';

/** Fields that the seed of a database declares. Each has a column in `profile_fragments` or `experience_events`. */
export const ownFields: Migration = {
  id: '0004-own-fields',
  statements: [
    `CREATE TABLE own_fields (
      belongs_to VARCHAR NOT NULL,
      path VARCHAR NOT NULL,
      type VARCHAR NOT NULL,
      position INTEGER NOT NULL,
      PRIMARY KEY (belongs_to, path)
    )`,
  ],
};
