import { setMaxListeners } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { migrations } from '../migrations/index.ts';
import { columnTypes, type OwnField, standardFields, withOwnFields, type XdmFields } from '../xdm/own-fields.ts';
import type { Database, Session, SqlExecutor } from './connection.ts';
import { migrate } from './migrate.ts';
import { Permits } from './permits.ts';
import { PreparedStatements } from './prepared-statements.ts';
import { identifier } from './sql.ts';
import { Statements } from './statements.ts';
import type { DuckDb, SqlValue } from './values.ts';

export interface DatabaseLimits {
  /** Memory limit of DuckDB in MiB. Beyond it, DuckDB spills into the directory. @default 1024 */
  readonly memoryLimitMiB?: number;
  /** Number of threads. @default the number of cores, at most 4 */
  readonly threads?: number | undefined;
}

export interface DatabaseOptions extends DatabaseLimits {
  /** Directory of `platform.duckdb`, its log and its spill files. It is created if it does not exist. */
  readonly directory: string;
}

/**
 * Thrown when the package of the database is not installed. It is an optional dependency, because a gateway does not
 * need it.
 */
export class EmulatorNotInstalledError extends Error {
  override readonly name = 'EmulatorNotInstalledError';

  constructor(cause: unknown) {
    super(
      'The platform emulator needs the optional dependency @duckdb/node-api, which is not installed or has no build for ' +
        `this system (${process.platform} ${process.arch}). Run \`npm install --include=optional\`, or set AEP_BASE_URL ` +
        'to use the gateway with a real platform.',
      { cause },
    );
  }
}

/** Thrown by every use of a database that is closing or closed. */
export class DatabaseClosedError extends Error {
  override readonly name = 'DatabaseClosedError';

  constructor() {
    super('The platform database is closed.');
  }
}

const databaseFileName = 'platform.duckdb';
const temporaryFolderName = 'platform.duckdb.tmp';
/** Files and folders that a database creates in its directory. */
export const databaseFiles: readonly string[] = [databaseFileName, `${databaseFileName}.wal`, temporaryFolderName];
const defaultMemoryLimitMiB = 1024;
const maxDefaultThreads = 4;
/**
 * Maximum number of concurrent reads. Each running statement occupies a thread of Node's pool (4 by default), which the
 * file system needs as well.
 */
const maxConcurrentReads = 2;
const maxConcurrentSessions = 2;

/**
 * Opens the database of a directory, replays the log of a killed process, and applies pending migrations.
 * @throws {EmulatorNotInstalledError} when @duckdb/node-api is not installed.
 */
export async function openDatabase({
  directory,
  memoryLimitMiB = defaultMemoryLimitMiB,
  threads = Math.min(availableParallelism(), maxDefaultThreads),
}: DatabaseOptions): Promise<Database> {
  const duckdb = await importDuckDb();
  const temporaryFolder = join(directory, temporaryFolderName);
  await mkdir(directory, { recursive: true });
  await rm(temporaryFolder, { recursive: true, force: true });
  const instance = await duckdb.DuckDBInstance.create(join(directory, databaseFileName), {
    memory_limit: `${memoryLimitMiB}MiB`,
    temp_directory: temporaryFolder,
    threads: String(threads),
    preserve_insertion_order: 'false',
    autoinstall_known_extensions: 'false',
  });
  const database = await connectOrClose(duckdb, instance);
  try {
    await migrate(database, migrations);
    await database.readFields();
    return database;
  } catch (error) {
    // Open connections would keep the file open.
    await database[Symbol.asyncDispose]();
    throw error;
  }
}

async function connectOrClose(duckdb: DuckDb, instance: DuckDBInstance): Promise<DuckDbDatabase> {
  try {
    return await DuckDbDatabase.connect(duckdb, instance);
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}

async function importDuckDb(): Promise<DuckDb> {
  try {
    return await import('@duckdb/node-api');
  } catch (error) {
    throw new EmulatorNotInstalledError(error);
  }
}

class DuckDbDatabase implements Database {
  readonly #duckdb: DuckDb;
  readonly #instance: DuckDBInstance;
  readonly #connections: readonly DuckDBConnection[];
  readonly #writer: PreparedStatements;
  readonly #idleReaders: PreparedStatements[];
  readonly #reads = new Permits(maxConcurrentReads);
  readonly #writes = new Permits(1);
  readonly #sessions = new Permits(maxConcurrentSessions);
  readonly #pending = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;
  #fields = standardFields;

  private constructor(
    duckdb: DuckDb,
    instance: DuckDBInstance,
    writer: DuckDBConnection,
    readers: readonly DuckDBConnection[],
  ) {
    this.#duckdb = duckdb;
    this.#instance = instance;
    this.#connections = [writer, ...readers];
    this.#writer = new PreparedStatements(duckdb, writer);
    this.#idleReaders = readers.map((reader) => new PreparedStatements(duckdb, reader));
    // Each waiting or running statement adds a listener, and Node would report more than ten listeners as a leak.
    setMaxListeners(0, this.#closing.signal);
  }

  static async connect(duckdb: DuckDb, instance: DuckDBInstance): Promise<DuckDbDatabase> {
    const writer = await connect(instance);
    const readers = await Promise.all(Array.from({ length: maxConcurrentReads }, () => connect(instance)));
    return new DuckDbDatabase(duckdb, instance, writer, readers);
  }

  all<Row>(sql: string, parameters?: readonly SqlValue[]): Promise<Row[]> {
    return this.#track(() =>
      this.#reads.hold(async () => {
        const reader = this.#idleReaders.pop();
        if (reader === undefined) throw new Error('There are more read permits than connections.');
        try {
          return await new Statements(this.#duckdb, reader, { signal: this.#closing.signal }).all<Row>(sql, parameters);
        } finally {
          this.#idleReaders.push(reader);
        }
      }, this.#closing.signal),
    );
  }

  run(sql: string, parameters?: readonly SqlValue[]): Promise<void> {
    return this.#track(() =>
      this.#writes.hold(() => this.#writeStatements().run(sql, parameters), this.#closing.signal),
    );
  }

  transaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
    return this.#track(() =>
      this.#writes.hold(() => {
        const statements = this.#writeStatements();
        return statements.transaction(() => work(statements));
      }, this.#closing.signal),
    );
  }

  session<T>(work: (session: Session) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const either = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
    return this.#track(() =>
      this.#sessions.hold(async () => {
        const connection = await connect(this.#instance);
        try {
          const prepared = new PreparedStatements(this.#duckdb, connection);
          return await work(new Statements(this.#duckdb, prepared, { signal: either }));
        } finally {
          connection.closeSync();
        }
      }, either),
    );
  }

  get fields(): XdmFields {
    return this.#fields;
  }

  async addFields(own: readonly OwnField[]): Promise<void> {
    const added = own.filter(({ of, path }) => !this.#fields.own.some((each) => each.of === of && each.path === path));
    const fields = withOwnFields([...this.#fields.own, ...added]);
    await this.transaction(async (tx) => {
      for (const { of, path, type } of added) {
        const table = of === 'profile' ? 'profile_fragments' : 'experience_events';
        await tx.run(`ALTER TABLE ${table} ADD COLUMN ${identifier(path)} ${columnTypes[type]}`);
        await tx.run('INSERT INTO own_fields SELECT $1, $2, $3, count(*) FROM own_fields', [of, path, type]);
      }
    });
    this.#fields = fields;
  }

  /** Reads the fields that were added in earlier runs. */
  async readFields(): Promise<void> {
    const rows = await this.all<OwnField>('SELECT belongs_to AS of, path, type FROM own_fields ORDER BY position');
    this.#fields = withOwnFields(rows);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Waits for running writes, which are short, and interrupts reads and sessions. */
  async #close(): Promise<void> {
    this.#closing.abort(new DatabaseClosedError());
    await Promise.allSettled(this.#pending);
    try {
      await this.#writer.run('CHECKPOINT');
    } finally {
      for (const connection of this.#connections) connection.closeSync();
      this.#instance.closeSync();
    }
  }

  #writeStatements(): Statements {
    return new Statements(this.#duckdb, this.#writer);
  }

  async #track<T>(start: () => Promise<T>): Promise<T> {
    this.#closing.signal.throwIfAborted();
    const work = start();
    this.#pending.add(work);
    try {
      return await work;
    } finally {
      this.#pending.delete(work);
    }
  }
}

async function connect(instance: DuckDBInstance): Promise<DuckDBConnection> {
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  return connection;
}
