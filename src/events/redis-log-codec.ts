import { parse, stringify } from 'devalue';
import type { StreamRecord } from '../runtime/redis-stream-reader.ts';
import type { LogWrite } from './event-log.ts';

/** One write, as it is in the stream. */
export interface LoggedWrite<Entity> extends LogWrite<Entity> {
  readonly observedAt: Date;
}

/** A record of the stream: one write. */
export interface LogRecord<Entity> {
  readonly id: string;
  /** `<epoch>.<id>` of the record before. */
  readonly after: string;
  readonly write: LoggedWrite<Entity>;
  /** Size of its text. */
  readonly bytes: number;
}

export const encodeWrite = <Entity>(write: LoggedWrite<Entity>): string => stringify(write);
export const encodeEntity = <Entity>(entity: Entity): string => stringify(entity);
export const encodeNote = (note: unknown): string => stringify(note);

// What is decoded here was encoded above, under keys that name the tenant, the kind and the version of the format.

export const decodeEntity = <Entity>(text: string): Entity => parse(text) as Entity;
export const decodeNote = (text: string): unknown => parse(text);

export function decodeRecord<Entity>({ id, fields }: StreamRecord): LogRecord<Entity> {
  const { after = '', data = '' } = fields;
  return { id, after, write: parse(data) as LoggedWrite<Entity>, bytes: data.length };
}

/** The sequence of a record's last entry, or of the last one before it when it has none: the first part of its id. */
export const sequenceOf = (record: string): number => Number(record.slice(0, record.indexOf('-')));
