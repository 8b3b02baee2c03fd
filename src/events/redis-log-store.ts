import { randomBytes } from 'node:crypto';
import { type Redis, type RedisClient, type RedisScript, runScript } from '../runtime/redis.ts';
import { type FeedChange, type LogBounds, type LogWrite, newEpoch } from './event-log.ts';
import type { LogState } from './log-view.ts';
import type { FeedKeys } from './redis-keys.ts';
import {
  decodeHead,
  encodeEntity,
  encodeNote,
  encodeWrite,
  LogCodec,
  type LogHead,
  type LogRecord,
  UndecodableError,
} from './redis-log-codec.ts';
import {
  type DiscardArguments,
  discardScript,
  headReply,
  headScript,
  stateReply,
  stateScript,
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

/** A log without its entities. */
export interface StoredState<Entity> {
  readonly head: LogHead;
  readonly state: Omit<LogState<Entity>, 'entities'>;
}

export type WriteOutcome<Entity> =
  /** `record` is null when the write began an epoch: its replicas load what it has written. */
  | { readonly kind: 'written'; readonly cursor: string; readonly record: LogRecord<Entity> | null }
  /** A later term has been granted. */
  | { readonly kind: 'fenced' }
  /** The log has other entries than the writer knows, or exists although the writer wanted to begin it. */
  | { readonly kind: 'conflict' }
  /** The log is not the one that the writer knows, or has lost what the writer has read. */
  | { readonly kind: 'lost' };

/** Position after which the stream contains every entry. */
export interface OldestEntry {
  readonly sequence: number;
  readonly mark: string;
}

/** Message of the channel that is no record: the log was removed. */
export const discardedMessage = 'discarded';
/** Records without an entry that are kept after each entry: a replica that misses more loads the log. */
const maxQuietRecords = 64;
/** Records that one call reads. */
const recordsPerPage = 100;
/** Entities that one call reads, so that neither Redis nor the event loop is held for long. */
const entitiesPerPage = 500;

/** The log of one feed as it is in Redis. Every method throws GatewayError while Redis is away. */
export class RedisLogStore<Entity> {
  readonly #options: RedisLogStoreOptions<Entity>;
  readonly #codec: LogCodec<Entity>;

  constructor(options: RedisLogStoreOptions<Entity>) {
    this.#options = options;
    this.#codec = new LogCodec(options.key);
  }

  /** The last record; null when there is no log. */
  async head(): Promise<LogHead | null> {
    const reply = headReply.parse(await this.#run(headScript, {}, []));
    return reply === null ? null : decodeHead(reply);
  }

  /**
   * Null when there is no log.
   * @throws {UndecodableError}
   */
  async state(): Promise<StoredState<Entity> | null> {
    const reply = stateReply.parse(await this.#run(stateScript, {}, []));
    if (reply === null) return null;
    const [headText, cursor, observedAt, stale, note] = reply;
    const head = decodeHead(headText);
    const [epoch, sequence, mark] = cursor.split('.');
    if (epoch !== head.epoch || sequence !== `${head.sequence}` || mark === undefined) {
      throw new UndecodableError('The cursor of the event log does not belong to its last record.');
    }
    return {
      head,
      state: {
        epoch,
        sequence: head.sequence,
        mark,
        observedAt: this.#codec.moment(observedAt ?? ''),
        stale: this.#codec.stale(stale),
        note: note === null ? null : this.#codec.note(note),
      },
    };
  }

  /**
   * Entities in pages. Writes in between may be contained or not.
   * @throws {UndecodableError}
   */
  async *entities(): AsyncGenerator<readonly Entity[], void, void> {
    const { snapshot } = this.#options.keys;
    let cursor = '0';
    do {
      const page = await this.#ask((client) => client.hScan(snapshot, cursor, { COUNT: entitiesPerPage }));
      yield page.entries.map(({ value }) => this.#codec.entity(value));
      cursor = page.cursor;
    } while (cursor !== '0');
  }

  /** Decodes a record of the channel. @throws {UndecodableError} */
  decode(...record: Parameters<LogCodec<Entity>['record']>): LogRecord<Entity> {
    return this.#codec.record(...record);
  }

  /** Removes a log that cannot be decoded, unless it has begun another epoch. */
  async discard(epoch: string): Promise<void> {
    const { channel } = this.#options.keys;
    await this.#run<DiscardArguments>(discardScript, { epoch, channel, message: discardedMessage }, []);
  }

  /** @param options.known the last record that the writer has read; null when it has read none */
  async write(
    write: LogWrite<Entity>,
    options: {
      readonly observedAt: Date;
      readonly term: number | undefined;
      readonly basis: string | null | undefined;
      readonly known: LogHead | null;
    },
  ): Promise<WriteOutcome<Entity>> {
    const { maxEntries, maxBytes, retentionMs, keys } = this.#options;
    const { observedAt, term, basis, known } = options;
    const { learned = [], changes = [], note } = write;
    const { set, dropped } = this.#outcome(write);
    const logged = { ...write, observedAt };
    // The record that begins an epoch has no data.
    const data = basis === null ? '' : encodeWrite(logged);
    const [kind, head, after, cursor] = writeReply.parse(
      await this.#run<WriteArguments>(
        writeScript,
        {
          retentionMs,
          channel: keys.channel,
          newEpoch: newEpoch(),
          identity: randomBytes(6).toString('base64url'),
          known: known?.text,
          term,
          basis: basis ?? undefined,
          begins: basis === null,
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
        [data, ...this.#pairs(learned), ...this.#pairs(set), ...dropped],
      ),
    );
    if (kind !== 'written') return { kind };
    const record = after === '' ? null : { head: decodeHead(head), after, write: logged, bytes: data.length };
    return { kind, cursor, record };
  }

  /** Null when there is no log. */
  async oldest(): Promise<OldestEntry | null> {
    const { meta } = this.#options.keys;
    const text = await this.#ask((client) => client.hGet(meta, 'oldest'));
    const [sequence, mark] = text?.split('.') ?? [];
    return mark === undefined ? null : { sequence: Number(sequence), mark };
  }

  /**
   * The records from an id on, as far as they are still there.
   * @param from `(<id>` excludes the record with this id
   * @throws {UndecodableError}
   */
  async *records(from: string): AsyncGenerator<LogRecord<Entity>, void, void> {
    const { events } = this.#options.keys;
    for (;;) {
      const start = from;
      const page = (await this.#ask((client) => client.xRange(events, start, '+', { COUNT: recordsPerPage }))) ?? [];
      for (const { message } of page) {
        const { head = '', after = '', data = '' } = message;
        yield this.#codec.record({ head, after, data });
      }
      const last = page.at(-1);
      if (last === undefined || page.length < recordsPerPage) return;
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

  #run<Arguments extends object>(script: RedisScript, given: Arguments, values: readonly string[]): Promise<unknown> {
    const { events, snapshot, meta } = this.#options.keys;
    const text = JSON.stringify(given);
    return this.#ask((client) => runScript(client, script, [events, snapshot, meta], [text, ...values]));
  }

  #ask<Reply>(commands: (client: RedisClient) => Promise<Reply>): Promise<Reply> {
    return reachRedis(this.#options.redis, commands);
  }
}

/** The changes of stale subjects among these changes. */
function staleChanges(changes: readonly FeedChange<unknown>[]): WriteArguments['stale'] {
  return changes.flatMap((change) =>
    'subject' in change ? [{ subject: change.subject, on: change.kind === 'STALE' }] : [],
  );
}
