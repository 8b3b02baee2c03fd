import { type Redis, type RedisClient, type RedisScript, runScript } from '../runtime/redis.ts';
import { type FeedChange, type LogBounds, type LogWrite, newEpoch } from './event-log.ts';
import type { LogState } from './log-view.ts';
import type { FeedKeys } from './redis-keys.ts';
import {
  decodeEntity,
  decodeNote,
  decodeRecord,
  encodeEntity,
  encodeNote,
  encodeWrite,
  type LogRecord,
  sequenceOf,
} from './redis-log-codec.ts';
import {
  checkReply,
  checkScript,
  loadReply,
  loadScript,
  type RestoreArguments,
  type Retention,
  restoreScript,
  staleSubjects,
  type WriteArguments,
  writeReply,
  writeScript,
} from './redis-log-scripts.ts';
import { reachRedis } from './redis-reach.ts';

export interface RedisLogStoreOptions<Entity> extends LogBounds {
  readonly key: (entity: Entity) => string;
  readonly keys: FeedKeys;
  readonly redis: Pick<Redis, 'send'>;
  readonly retentionMs: number;
}

/** A place in the log: one of its lives, and the last record. */
export interface LogHead {
  readonly epoch: string;
  readonly record: string;
}

export interface StoredLog<Entity> {
  readonly head: LogHead;
  /** The greatest that was granted or written with. */
  readonly term: number;
  readonly state: LogState<Entity>;
}

export type WriteOutcome =
  | { readonly kind: 'written'; readonly record: string }
  /** A later term has been granted. */
  | { readonly kind: 'fenced' }
  /** There are entries that the writer had not seen. */
  | { readonly kind: 'conflict' }
  /** The log is not the one that the writer knows, or has lost what the writer has read. */
  | { readonly kind: 'lost' };

/** Records without an entry that are kept after each entry: a replica that missed more begins anew. */
const maxQuietRecords = 64;
/** Records that one call reads. */
const pageSize = 500;

/** The log of one feed as it is in Redis. Every method throws GatewayError while Redis is away. */
export class RedisLogStore<Entity> {
  readonly #options: RedisLogStoreOptions<Entity>;

  constructor(options: RedisLogStoreOptions<Entity>) {
    this.#options = options;
  }

  /** How far the log is; null when there is none. Keeps it alive. */
  async head(): Promise<LogHead | null> {
    const reply = checkReply.parse(await this.#run<Retention>(checkScript, {}, []));
    return reply === null ? null : { epoch: reply[0], record: reply[1] };
  }

  /** Null when there is no log. */
  async load(): Promise<StoredLog<Entity> | null> {
    const reply = loadReply.parse(await this.#run<Retention>(loadScript, {}, []));
    if (reply === null) return null;
    const [[epoch, record, observedAt, stale, note, term], entities] = reply;
    const state: LogState<Entity> = {
      epoch,
      sequence: sequenceOf(record),
      observedAt: new Date(observedAt),
      entities: entities.map((text) => decodeEntity<Entity>(text)),
      stale: new Set(staleSubjects.parse(JSON.parse(stale))),
      note: decodeNote(note),
    };
    return { head: { epoch, record }, term: Number(term), state };
  }

  /** Begins a new life of the log where there is none, or one that has lost what is known of it. */
  async restore({ head, term, state }: StoredLog<Entity>): Promise<void> {
    const { observedAt, stale, note, entities } = state;
    await this.#run<RestoreArguments>(
      restoreScript,
      {
        newEpoch: newEpoch(),
        knownEpoch: head.epoch,
        knownRecord: head.record,
        observedAt: observedAt.toISOString(),
        stale: JSON.stringify([...stale]),
        note: encodeNote(note),
        term,
      },
      this.#pairs(entities),
    );
  }

  /** @param options.basis sequence of the snapshot that the write was made from */
  async write(
    write: LogWrite<Entity>,
    options: {
      readonly observedAt: Date;
      readonly term: number | undefined;
      readonly basis: number | undefined;
      /** Nothing may have been written before. */
      readonly begins: boolean;
      readonly known: LogHead;
    },
  ): Promise<WriteOutcome> {
    const { maxEntries, maxBytes } = this.#options;
    const { observedAt, term, basis, begins, known } = options;
    const { learned = [], changes = [], note } = write;
    const { set, dropped } = this.#outcome(write);
    const record = writeReply.parse(
      await this.#run<WriteArguments>(
        writeScript,
        {
          epoch: known.epoch,
          knownRecord: known.record,
          term,
          basis,
          begins,
          maxEntries,
          maxBytes,
          maxQuietRecords,
          observedAt: observedAt.toISOString(),
          entries: changes.length,
          stale: staleChanges(changes),
          note: note === undefined ? undefined : encodeNote(note),
          learned: learned.length,
          set: set.length,
          dropped: dropped.length,
        },
        [encodeWrite({ ...write, observedAt }), ...this.#pairs(learned), ...this.#pairs(set), ...dropped],
      ),
    );
    switch (record) {
      case 'fenced':
      case 'conflict':
      case 'lost':
        return { kind: record };
      default:
        return { kind: 'written', record };
    }
  }

  /** The records with entries after one sequence, up to another, as far as they are still there. */
  async *records(after: number, upTo: number): AsyncGenerator<LogRecord<Entity>, void, void> {
    let from = `${after + 1}-0`;
    for (;;) {
      const { events } = this.#options.keys;
      const page = (await this.#ask((client) => client.xRange(events, from, `${upTo}-0`, { COUNT: pageSize }))) ?? [];
      for (const { id, message } of page) yield decodeRecord<Entity>({ id, fields: message });
      const last = page.at(-1);
      if (last === undefined || page.length < pageSize) return;
      from = `(${last.id}`;
    }
  }

  /** What the changes come to for the snapshot. */
  #outcome({ changes = [], forgotten = [] }: LogWrite<Entity>): {
    readonly set: readonly Entity[];
    readonly dropped: readonly string[];
  } {
    const last = new Map<string, Entity | null>();
    for (const change of changes) {
      if ('entity' in change)
        last.set(this.#options.key(change.entity), change.kind === 'REMOVED' ? null : change.entity);
    }
    for (const key of forgotten) last.set(key, null);
    const set = [...last.values()].filter((entity) => entity !== null);
    const dropped = [...last].filter(([, entity]) => entity === null).map(([key]) => key);
    return { set, dropped };
  }

  #pairs(entities: readonly Entity[]): readonly string[] {
    return entities.flatMap((entity) => [this.#options.key(entity), encodeEntity(entity)]);
  }

  #run<Arguments extends Retention>(
    script: RedisScript,
    given: Omit<Arguments, keyof Retention>,
    values: readonly string[],
  ): Promise<unknown> {
    const { keys, retentionMs } = this.#options;
    const text = JSON.stringify({ ...given, retentionMs });
    return this.#ask((client) => runScript(client, script, [keys.events, keys.snapshot, keys.meta], [text, ...values]));
  }

  #ask<Reply>(commands: (client: RedisClient) => Promise<Reply>): Promise<Reply> {
    return reachRedis(this.#options.redis, commands);
  }
}

/** What the changes say of stale subjects. */
function staleChanges(changes: readonly FeedChange<unknown>[]): WriteArguments['stale'] {
  return changes.flatMap((change) =>
    'subject' in change ? [{ subject: change.subject, on: change.kind === 'STALE' }] : [],
  );
}
