import { parse, stringify } from 'devalue';
import { z } from 'zod';
import type { FeedChange, LogWrite, StaleSubject } from '../log.ts';

/** Thrown for a value in Redis that no replica of this format writes. It is treated as lost data. */
export class UndecodableError extends Error {
  override readonly name = 'UndecodableError';
}

/**
 * Name of a record: `<epoch>.<sequence>-<count>.<identity>`. Records with different content always have different
 * names, even if a failover loses the first of them.
 */
export interface LogHead {
  readonly text: string;
  readonly epoch: string;
  /** Sequence number of the last entry so far. */
  readonly sequence: number;
  /** Number of records without an entry since that entry. */
  readonly count: number;
  /** 48 random bits. */
  readonly identity: string;
}

/** One write as stored in the stream. */
export interface LoggedWrite<Entity> extends LogWrite<Entity> {
  readonly observedAt: Date;
}

/** A record as stored in the stream and sent on the channel. */
export interface RecordText {
  readonly head: string;
  /** Name of the previous record; empty for the record that begins an epoch. */
  readonly after: string;
  /** Empty for the record that begins an epoch, because replicas load the whole log after it. */
  readonly data: string;
}

export interface LogRecord<Entity> {
  readonly head: LogHead;
  readonly after: string;
  readonly write: LoggedWrite<Entity>;
  /** Size of the data, in bytes. */
  readonly bytes: number;
}

const headPattern = /^([\w-]+)\.(\d{1,15})-(\d{1,15})\.([\w-]{8})$/;

export function decodeHead(text: string): LogHead {
  const [, epoch = '', sequence, count, identity = ''] = headPattern.exec(text) ?? [];
  if (epoch === '') throw new UndecodableError('The name of a record in the event log cannot be decoded.');
  return { text, epoch, sequence: Number(sequence), count: Number(count), identity };
}

/** Whether a record comes after another one of the same epoch, judged by sequence and count. */
export const isLater = (head: LogHead, other: LogHead): boolean =>
  head.sequence > other.sequence || (head.sequence === other.sequence && head.count > other.count);

/** Splits a message on the channel into the parts of its record. */
export function splitMessage(text: string): RecordText {
  const [head = '', after = ''] = text.split('\n', 2);
  return { head, after, data: text.slice(head.length + after.length + 2) };
}

export const encodeWrite = <Entity>(write: LoggedWrite<Entity>): string => stringify(write);
export const encodeEntity = <Entity>(entity: Entity): string => stringify(entity);
export const encodeNote = (note: unknown): string => stringify(note);

const subject = z.union([z.literal(['feed', 'list', 'results']), z.templateLiteral(['entity:', z.string()])]);

/** Decodes data that replicas with the same format have written, and checks the parts on which a log relies. */
export class LogCodec<Entity> {
  readonly #write: z.ZodType<LoggedWrite<Entity>>;
  readonly #entity: z.ZodType<Entity>;

  constructor(key: (entity: Entity) => string) {
    // An entity must be an object with a key. Its other fields are guaranteed by the version of the format.
    const entity = z.custom<Entity>((value) => isKeyed(value, key));
    const change: z.ZodType<FeedChange<Entity>> = z.discriminatedUnion('kind', [
      z.object({ kind: z.literal(['CREATED', 'REMOVED']), entity }),
      z.object({ kind: z.literal(['CHANGED', 'OVERDUE']), entity, previous: entity }),
      z.object({ kind: z.literal(['STALE', 'RECOVERED']), subject }),
    ]);
    this.#entity = entity;
    this.#write = z.object({
      observedAt: z.date(),
      adopted: z.array(entity).optional(),
      changes: z.array(change).optional(),
      evicted: z.array(z.string()).optional(),
      note: z.unknown().optional(),
    });
  }

  record({ head, after, data }: RecordText): LogRecord<Entity> {
    const write = data === '' ? { observedAt: new Date(0) } : decode(data, this.#write);
    return { head: decodeHead(head), after, write, bytes: data.length };
  }

  entity(text: string): Entity {
    return decode(text, this.#entity);
  }

  note(text: string): unknown {
    return decode(text, z.unknown());
  }

  stale(text: string): ReadonlySet<StaleSubject> {
    return new Set(decode(text, z.array(subject), JSON.parse));
  }

  moment(text: string): Date {
    const moment = new Date(text);
    if (Number.isNaN(moment.getTime())) throw new UndecodableError('A date in the event log cannot be decoded.');
    return moment;
  }
}

function isKeyed<Entity>(value: unknown, key: (entity: Entity) => string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  try {
    // The cast is safe, because the function only reads a field of the object, and its result is checked.
    return typeof key(value as Entity) === 'string';
  } catch {
    return false;
  }
}

function decode<Value>(text: string, schema: z.ZodType<Value>, read: (text: string) => unknown = parse): Value {
  let value: unknown;
  try {
    value = read(text);
  } catch {
    // The original error would quote the text, which contains data of a tenant, in the gateway's log.
    throw new UndecodableError('A value of the event log is not in its format.');
  }
  const decoded = schema.safeParse(value);
  if (decoded.success) return decoded.data;
  // The cause contains only paths and types, no values.
  throw new UndecodableError('A value of the event log cannot be decoded.', { cause: decoded.error });
}
