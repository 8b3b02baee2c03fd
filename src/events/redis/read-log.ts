import type { LogState } from '../log-view.ts';
import { type LogHead, type LogRecord, UndecodableError } from './codec.ts';
import type { RedisLogStore } from './store.ts';

export interface LogReading<Entity> {
  readonly store: Pick<RedisLogStore<Entity>, 'head' | 'state' | 'entities' | 'records'>;
  /** Called when a record cannot be decoded, which is treated as lost. */
  readonly onUndecodable: (error: UndecodableError) => void;
}

/** A whole log. The records are those of writes that happened while the state was read. */
export interface ReadLog<Entity> {
  readonly head: LogHead;
  readonly state: LogState<Entity>;
  readonly records: readonly LogRecord<Entity>[];
}

/** Reads the records after a given one; null: they are gone, cannot be decoded, or continue another record. */
export async function readRecordsAfter<Entity>(
  head: LogHead,
  { store, onUndecodable }: LogReading<Entity>,
): Promise<readonly LogRecord<Entity>[] | null> {
  const found: LogRecord<Entity>[] = [];
  let last = head;
  try {
    for await (const record of store.records(`(${head.sequence}-${head.count}`)) {
      if (record.after !== last.text) return null;
      found.push(record);
      last = record.head;
    }
  } catch (error) {
    if (!(error instanceof UndecodableError)) throw error;
    onUndecodable(error);
    return null;
  }
  return found.length === 0 ? null : found;
}

/**
 * Reads a whole log; null: there is none.
 * @throws {UndecodableError} the state cannot be decoded
 * @throws {Error} the records of writes in between are gone or cannot be decoded
 */
export async function readLog<Entity>(reading: LogReading<Entity>): Promise<ReadLog<Entity> | null> {
  const { store } = reading;
  const begin = await store.state();
  if (begin === null) return null;
  const entities: Entity[] = [];
  for await (const page of store.entities()) entities.push(...page);
  const end = await store.head();
  if (end === null) return null;
  // The pages may contain entities of writes in between. The records of all these writes are applied afterwards, so that
  // each entity has the state of the last write.
  const records = end.text === begin.head.text ? [] : await readRecordsAfter(begin.head, reading);
  if (records === null) throw new Error('The event log changed too fast to be loaded.');
  return { head: begin.head, state: { ...begin.state, entities }, records };
}
