import type { JsonObject } from '../json.ts';
import type { SqlExecutor } from './connection.ts';

export type ScheduleState = 'active' | 'inactive';
/** Clients create the first two types; the platform itself creates the other two. */
export type ScheduleType = 'batch_segmentation' | 'export' | 'delta' | 'system';

export interface Schedule {
  readonly id: string;
  readonly sandbox: string;
  readonly name: string;
  readonly type: ScheduleType;
  readonly state: ScheduleState;
  /** Quartz cron expression, in UTC. */
  readonly schedule: string;
  /** Properties as the client sent them. */
  readonly properties: JsonObject;
  /** Unix epoch milliseconds. */
  readonly created: number;
  /** Unix epoch milliseconds. */
  readonly updated: number;
  /** Unix epoch milliseconds; null when the schedule is inactive, or when its expression has no further run. */
  readonly nextRun: number | null;
}

export interface ScheduleStore {
  /** Lists all schedules of a sandbox, oldest first. */
  list(sandbox: string): Promise<Schedule[]>;
  find(sandbox: string, id: string): Promise<Schedule | null>;
  /** Number of schedules created by clients in a sandbox; null = in all sandboxes. */
  countOwn(sandbox: string | null): Promise<number>;
  /** The active schedule with the earliest next run over all sandboxes; null when no run is due. */
  next(): Promise<Schedule | null>;
  insert(schedule: Schedule): Promise<void>;
  /** Replaces the schedule with the same id. */
  update(schedule: Schedule): Promise<void>;
  delete(sandbox: string, id: string): Promise<void>;
}

interface Row {
  readonly document: string;
}

export function createScheduleStore(database: SqlExecutor): ScheduleStore {
  return {
    async list(sandbox) {
      const rows = await database.all<Row>('SELECT document FROM schedules WHERE sandbox = ? ORDER BY created, id', [
        sandbox,
      ]);
      return rows.map(parse);
    },

    async find(sandbox, id) {
      const [row] = await database.all<Row>('SELECT document FROM schedules WHERE sandbox = ? AND id = ?', [
        sandbox,
        id,
      ]);
      return row === undefined ? null : parse(row);
    },

    async countOwn(sandbox) {
      const rows = await database.all<Row>('SELECT document FROM schedules WHERE sandbox = ? OR ?', [
        sandbox ?? '',
        sandbox === null,
      ]);
      return rows.map(parse).filter(({ type }) => type === 'batch_segmentation' || type === 'export').length;
    },

    async next() {
      const [row] = await database.all<Row>(
        'SELECT document FROM schedules WHERE next_run IS NOT NULL ORDER BY next_run, id LIMIT 1',
      );
      return row === undefined ? null : parse(row);
    },

    insert(schedule) {
      const { sandbox, id, created, nextRun } = schedule;
      return database.run(
        'INSERT INTO schedules (sandbox, id, created, next_run, document) VALUES (?, ?, ?, ?::BIGINT, ?)',
        [sandbox, id, created, nextRun, JSON.stringify(schedule)],
      );
    },

    update(schedule) {
      const { sandbox, id, nextRun } = schedule;
      return database.run('UPDATE schedules SET next_run = ?::BIGINT, document = ? WHERE sandbox = ? AND id = ?', [
        nextRun,
        JSON.stringify(schedule),
        sandbox,
        id,
      ]);
    },

    delete(sandbox, id) {
      return database.run('DELETE FROM schedules WHERE sandbox = ? AND id = ?', [sandbox, id]);
    },
  };
}

function parse({ document }: Row): Schedule {
  return JSON.parse(document);
}
