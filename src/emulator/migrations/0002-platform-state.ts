import type { Migration } from './migration.ts';

/** State of the platform other than profiles. Times are Unix epoch milliseconds; documents are JSON text. */
export const platformState: Migration = {
  id: '0002-platform-state',
  statements: [
    `CREATE TABLE sandboxes (
      name VARCHAR PRIMARY KEY,
      sort_order INTEGER NOT NULL,
      document VARCHAR NOT NULL
    )`,
    `CREATE TABLE access_tokens (
      digest VARCHAR PRIMARY KEY,
      expires_at BIGINT NOT NULL
    )`,
    `CREATE TABLE datasets (
      sandbox VARCHAR NOT NULL,
      id VARCHAR NOT NULL,
      created BIGINT NOT NULL,
      document VARCHAR NOT NULL,
      PRIMARY KEY (sandbox, id)
    )`,
    `CREATE TABLE batches (
      sandbox VARCHAR NOT NULL,
      id VARCHAR NOT NULL,
      dataset_id VARCHAR NOT NULL,
      created BIGINT NOT NULL,
      document VARCHAR NOT NULL,
      PRIMARY KEY (sandbox, id)
    )`,
    `CREATE TABLE batch_files (
      sandbox VARCHAR NOT NULL,
      file_id VARCHAR NOT NULL,
      batch_id VARCHAR NOT NULL,
      position INTEGER NOT NULL,
      document VARCHAR NOT NULL,
      PRIMARY KEY (sandbox, file_id)
    )`,
    `CREATE TABLE export_jobs (
      id BIGINT PRIMARY KEY,
      sandbox VARCHAR NOT NULL,
      status VARCHAR NOT NULL,
      creation_time BIGINT NOT NULL,
      update_time BIGINT NOT NULL,
      document VARCHAR NOT NULL
    )`,
  ],
};
