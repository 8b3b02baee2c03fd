import { randomBytes } from 'node:crypto';
import { type Redis, type RedisClient, type RedisScript, runScript } from '../../runtime/redis.ts';
import { type FeedChange, type LogBounds, type LogWrite, newEpoch } from '../log.ts';
import type { LogState } from '../log-view.ts';
import {
  decodeHead,
  encodeEntity,
  encodeNote,
  encodeWrite,
  LogCodec,
  type LogHead,
  type LogRecord,
  UndecodableError,
} from './codec.ts';
import { withRedisErrors } from './errors.ts';
import type { FeedKeys } from './keys.ts';
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
} from './scripts.ts';

export interface RedisLogStoreOptions<Entity> extends LogBounds {
  readonly key: (entity: Entity) => string;
  readonly keys: FeedKeys;
  readonly redis: Pick<Redis, 'send'>;
  readonly retentionMs: number;
}

/** The state of a log without its entities. */
export interface StoredState<Entity> {
  readonly head: LogHead;
  readonly state: Omit<LogState<Entity>, 'entities'>;
}

export type WriteOutcome<Entity> =
  /** `record` is null when the write began an epoch, because replicas load the whole log then. */
  | { readonly kind: 'written'; readonly cursor: string; readonly record: LogRecord<Entity> | null }
  /** A later term has been granted. */
  | { readonly kind: 'fenced' }
  /** The log has other entries than the writer knows, or exists although the writer wanted to begin it. */
  | { readonly kind: 'conflict' }
  /** The log is not the one that the writer knows, or has lost a record that the writer has read. */
  | { readonly kind: 'lost' };

/** Position after which the stream contains every entry. */
export interface OldestEntry {
  readonly sequence: number;
  readonly mark: string;
}

/** Message on the channel that is not a record. It means that the log was removed. */
export const discardedMessage = 'discarded';
/**
 * Number of records without an entry that are kept after each entry. A replica that misses more records loads the whole
 * log.
 */
const maxQuietRecords = 64;
/** Number of records that one call reads. */
const recordsPerPage = 100;
/** Number of entities that one call reads, so that neither Redis nor the event loop is blocked for long. */
const entitiesPerPage = 500;

/** The log of one feed in Redis. Every method throws GatewayError while Redis is unreachable. */
export class RedisLogStore<Entity> {
  readonly #options: RedisLogStoreOptions<Entity>;
  readonly #codec: LogCodec<Entity>;

  constructor(options: RedisLogStoreOptions<Entity>) {
    this.#options = options;
    this.#codec = new LogCodec(options.key);
  }

  /** Returns the name of the last record; null when there is no log. */
  async head(): Promise<LogHead | null> {
    const reply = headReply.parse(await this.#run(headScript, {}, []));
    return reply === null ? null : decodeHead(reply);
  }

  /**
   * Resolves with null when there is no log.
   * @throws {UndecodableError} a part of the state cannot be decoded
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
   * Reads the entities in pages. They may or may not include concurrent writes.
   * @throws {UndecodableError} an entity cannot be decoded
   */
  async *entities(): AsyncGenerator<readonly Entity[], void, void> {
    const { snapshot } = this.#options.keys;
    let cursor = '0';
    do {
      const page = await this.#send((client) => client.hScan(snapshot, cursor, { COUNT: entitiesPerPage }));
      yield page.entries.map(({ value }) => this.#codec.entity(value));
      cursor = page.cursor;
    } while (cursor !== '0');
  }

  /**
   * Decodes a record of the channel.
   * @throws {UndecodableError} the record cannot be decoded
   */
  decode(...record: Parameters<LogCodec<Entity>['record']>): LogRecord<Entity> {
    return this.#codec.record(...record);
  }

  /** Removes a log that cannot be decoded, unless another epoch has begun. */
  async discard(epoch: string): Promise<void> {
    const { channel } = this.#options.keys;
    await this.#run<DiscardArguments>(discardScript, { epoch, channel, message: discardedMessage }, []);
  }

  /** @param options.known the last record that the writer has read; null: it has read none */
  async write(
    write: LogWrite<Entity>,
    options: {
      readonly observedAt: Date;
      readonly term: number | undefined;
      readonly expectedCursor: string | null | undefined;
      readonly known: LogHead | null;
    },
  ): Promise<WriteOutcome<Entity>> {
    const { maxEntries, maxBytes, retentionMs, keys } = this.#options;
    const { observedAt, term, expectedCursor, known } = options;
    const { adopted = [], changes = [], note } = write;
    const { set, dropped } = this.#outcome(write);
    const logged = { ...write, observedAt };
    // The record that begins an epoch has no data.
    const data = expectedCursor === null ? '' : encodeWrite(logged);
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
          expectedCursor: expectedCursor ?? undefined,
          begins: expectedCursor === null,
          maxEntries,
          maxBytes,
          maxQuietRecords,
          observedAt: observedAt.toISOString(),
          entries: changes.length,
          stale: staleChanges(changes),
          note: note === undefined ? undefined : encodeNote(note),
          adopted: adopted.length,
          set: set.length,
          dropped: dropped.length,
        },
        [data, ...this.#pairs(adopted), ...this.#pairs(set), ...dropped],
      ),
    );
    if (kind !== 'written') return { kind };
    const record = after === '' ? null : { head: decodeHead(head), after, write: logged, bytes: data.length };
    return { kind, cursor, record };
  }

  /** Resolves with null when there is no log. */
  async oldest(): Promise<OldestEntry | null> {
    const { meta } = this.#options.keys;
    const text = await this.#send((client) => client.hGet(meta, 'oldest'));
    const [sequence, mark] = text?.split('.') ?? [];
    return mark === undefined ? null : { sequence: Number(sequence), mark };
  }

  /**
   * Reads the existing records from an id on.
   * @param from id of the first record; `(<id>` excludes the record with this id
   * @throws {UndecodableError} a record cannot be decoded
   */
  async *records(from: string): AsyncGenerator<LogRecord<Entity>, void, void> {
    const { events } = this.#options.keys;
    for (;;) {
      const start = from;
      const page = (await this.#send((client) => client.xRange(events, start, '+', { COUNT: recordsPerPage }))) ?? [];
      for (const { message } of page) {
        const { head = '', after = '', data = '' } = message;
        yield this.#codec.record({ head, after, data });
      }
      const last = page.at(-1);
      if (last === undefined || page.length < recordsPerPage) return;
      from = `(${last.id}`;
    }
  }

  /** The effect of the changes on the snapshot. */
  #outcome({ changes = [], evicted = [] }: LogWrite<Entity>): {
    readonly set: readonly Entity[];
    readonly dropped: readonly string[];
  } {
    const last = new Map<string, Entity | null>();
    for (const change of changes) {
      if ('entity' in change)
        last.set(this.#options.key(change.entity), change.kind === 'REMOVED' ? null : change.entity);
    }
    for (const key of evicted) last.set(key, null);
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
    return this.#send((client) => runScript(client, script, [events, snapshot, meta], [text, ...values]));
  }

  #send<Reply>(commands: (client: RedisClient) => Promise<Reply>): Promise<Reply> {
    return withRedisErrors(this.#options.redis, commands);
  }
}

/** Selects the changes of stale subjects. */
function staleChanges(changes: readonly FeedChange<unknown>[]): WriteArguments['stale'] {
  return changes.flatMap((change) =>
    'subject' in change ? [{ subject: change.subject, on: change.kind === 'STALE' }] : [],
  );
}
