import type { Migration } from './migration.ts';

/** Segment definitions, segment jobs and schedules. Times are Unix epoch milliseconds; documents are JSON text. */
export const segmentation: Migration = {
  id: '0003-segmentation',
  statements: [
    `CREATE TABLE segment_definitions (
      sandbox VARCHAR NOT NULL,
      id VARCHAR NOT NULL,
      creation_time BIGINT NOT NULL,
      document VARCHAR NOT NULL,
      PRIMARY KEY (sandbox, id)
    )`,
    `CREATE TABLE segment_jobs (
      sandbox VARCHAR NOT NULL,
      id VARCHAR NOT NULL,
      compute_job_id BIGINT NOT NULL,
      status VARCHAR NOT NULL,
      creation_time BIGINT NOT NULL,
      update_time BIGINT NOT NULL,
      document VARCHAR NOT NULL,
      PRIMARY KEY (sandbox, id)
    )`,
    // next_run is null when a schedule is inactive, or when its cron expression has no further run.
    `CREATE TABLE schedules (
      sandbox VARCHAR NOT NULL,
      id VARCHAR NOT NULL,
      created BIGINT NOT NULL,
      next_run BIGINT,
      document VARCHAR NOT NULL,
      PRIMARY KEY (sandbox, id)
    )`,
  ],
};
