import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Migration } from '../../../src/emulator/migrations/migration.ts';
import type { Database } from '../../../src/emulator/store/connection.ts';
import { DatabaseClosedError, openDatabase } from '../../../src/emulator/store/database.ts';
import { migrate } from '../../../src/emulator/store/migrate.ts';

/** Runs for hours unless it is interrupted. */
const endless = 'SELECT sum(sqrt(a.range + b.range)) AS s FROM range(10000000) a, range(10000000) b';

/** Folder in which Linux lists the open files of the process. */
const openFiles = '/proc/self/fd';

/** Open files of the process that lie in a folder. */
async function openFilesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(openFiles);
  // A file may be closed in the meantime.
  const targets = await Promise.all(names.map((name) => readlink(join(openFiles, name)).catch(() => '')));
  return targets.filter((target) => target.startsWith(folder));
}

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'database-test-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe('values', () => {
  it('are returned as plain JavaScript', async () => {
    await using db = await openDatabase({ directory });
    const [row] = await db.all(`SELECT 42::BIGINT AS small, 9007199254740993::BIGINT AS big, 1.5::DOUBLE AS double,
      12.25::DECIMAL(9, 2) AS decimal, TIMESTAMP '2030-01-02 03:04:05.678' AS time, TIMESTAMPTZ '2030-01-02 03:04:05+00' AS zoned,
      DATE '1899-12-31' AS date, [1::BIGINT, NULL] AS list, {'a': {'b': [true]}} AS struct,
      MAP {'ups': MAP {'s1': {'since': TIMESTAMP '2030-01-01'}}} AS map, 'crm'::profile_source AS enum, NULL AS nothing`);

    expect(row).toEqual({
      small: 42,
      big: 9007199254740993n,
      double: 1.5,
      decimal: 12.25,
      time: new Date('2030-01-02T03:04:05.678Z'),
      zoned: new Date('2030-01-02T03:04:05.000Z'),
      date: '1899-12-31',
      list: [1, null],
      struct: { a: { b: [true] } },
      map: { ups: { s1: { since: new Date('2030-01-01T00:00:00.000Z') } } },
      enum: 'crm',
      nothing: null,
    });
  });

  it('are passed as parameters of the right type', async () => {
    await using db = await openDatabase({ directory });
    const parameters = [
      "x' OR true --",
      7,
      0.5,
      2 ** 40,
      9007199254740993n,
      true,
      new Date('2030-01-01'),
      null,
      ['a'],
      [],
    ];
    const columns = parameters.map((_, index) => `$${index + 1} AS p${index}, typeof($${index + 1}) AS t${index}`);
    const [row] = await db.all<Record<string, unknown>>(`SELECT ${columns.join(', ')}`, parameters);

    expect(parameters.map((_, index) => row?.[`p${index}`])).toEqual(parameters);
    expect(parameters.map((_, index) => row?.[`t${index}`])).toEqual([
      'VARCHAR',
      'BIGINT',
      'DOUBLE',
      'BIGINT',
      'BIGINT',
      'BOOLEAN',
      'TIMESTAMP',
      '"NULL"',
      'VARCHAR[]',
      'VARCHAR[]',
    ]);
  });
});

describe('a statement that is used again', () => {
  const echo = 'SELECT $1 AS value, typeof($1) AS type';

  it('has the parameters of each use, even in a use that begins before another one ends', async () => {
    await using db = await openDatabase({ directory });
    const numbers = Array.from({ length: 20 }, (_, index) => index);
    const rows = await db.transaction(async (tx) => {
      await tx.run(echo, ['before']);
      return Promise.all(numbers.map((number) => tx.all(echo, [number])));
    });
    expect(rows.flat()).toEqual(numbers.map((value) => ({ value, type: 'BIGINT' })));
  });

  it('can have parameters of other types, and tables that have changed', async () => {
    await using db = await openDatabase({ directory });
    await db.run('CREATE TABLE notes (id BIGINT)');
    const added = 'INSERT INTO notes BY NAME SELECT $1 AS id';
    const read = 'SELECT * FROM notes WHERE id = $1';
    await db.transaction(async (tx) => {
      await tx.run(added, [1]);
      expect(await tx.all(read, [1])).toEqual([{ id: 1 }]);
      await tx.run("ALTER TABLE notes ADD COLUMN note VARCHAR DEFAULT 'none'");
      await tx.run(added, [2]);
      expect(await tx.all(read, [2])).toEqual([{ id: 2, note: 'none' }]);
      for (const value of ['text', 0.5, null, true]) {
        const [row] = await tx.all<{ value: unknown }>(echo, [value]);
        expect(row?.value).toBe(value);
      }
    });
  });

  it('succeeds after it has failed, and after many others', async () => {
    await using db = await openDatabase({ directory });
    await db.run('CREATE TABLE notes (id BIGINT PRIMARY KEY)');
    const insert = 'INSERT INTO notes VALUES ($1)';
    await db.run(insert, [1]);
    await expect(db.run(insert, [1])).rejects.toThrow('Duplicate key');
    for (let other = 0; other < 300; other += 1) await db.run(`DELETE FROM notes WHERE id = $1 + ${other}`, [-1_000]);
    await db.run(insert, [2]);
    expect(await db.all('SELECT id FROM notes ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }]);
  });
});

describe('writes', () => {
  it('are serialized, so that read-modify-write transactions lose no update', async () => {
    await using db = await openDatabase({ directory });
    await db.run('CREATE TABLE counter (n INTEGER)');
    await db.run('INSERT INTO counter VALUES (0)');
    const increment = () =>
      db.transaction(async (tx) => {
        const [row] = await tx.all<{ n: number }>('SELECT n FROM counter');
        await tx.run('UPDATE counter SET n = $1', [(row?.n ?? 0) + 1]);
      });
    await Promise.all(Array.from({ length: 20 }, increment));

    expect(await db.all('SELECT n FROM counter')).toEqual([{ n: 20 }]);
  });

  it('of a transaction that throws are rolled back, and the next write succeeds', async () => {
    await using db = await openDatabase({ directory });
    await db.run('CREATE TABLE notes (text VARCHAR)');
    const failing = db.transaction(async (tx) => {
      await tx.run('INSERT INTO notes VALUES ($1)', ['lost']);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    const invalid = db.transaction(async (tx) => {
      await tx.run('INSERT INTO notes VALUES ($1)', ['lost too']);
      await tx.run('INSERT INTO no_such_table VALUES (1)');
    });
    await expect(invalid).rejects.toThrow('no_such_table');
    await db.run('INSERT INTO notes VALUES ($1)', ['kept']);

    expect(await db.all('SELECT text FROM notes')).toEqual([{ text: 'kept' }]);
  });

  it('of an open transaction are invisible to reads', async () => {
    await using db = await openDatabase({ directory });
    await db.run('CREATE TABLE notes (text VARCHAR)');
    await db.transaction(async (tx) => {
      await tx.run('INSERT INTO notes VALUES ($1)', ['draft']);
      expect(await db.all('SELECT text FROM notes')).toEqual([]);
      expect(await tx.all('SELECT text FROM notes')).toEqual([{ text: 'draft' }]);
    });

    expect(await db.all('SELECT text FROM notes')).toEqual([{ text: 'draft' }]);
  });

  it('survive a killed process', async () => {
    const child = spawn(
      process.execPath,
      [
        ...['--import', 'tsx', '--input-type=module', '--eval'],
        `import { openDatabase } from './src/emulator/store/database.ts';
        const db = await openDatabase({ directory: ${JSON.stringify(directory)} });
        await db.run('CREATE TABLE notes (text VARCHAR)');
        await db.transaction((tx) => tx.run("INSERT INTO notes VALUES ('committed')"));
        void db.transaction(async (tx) => {
          await tx.run("INSERT INTO notes VALUES ('open')");
          console.log('ready');
          await new Promise((resolve) => setInterval(resolve, 2 ** 30));
        });`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    await using db = await openDatabase({ directory });

    expect(await db.all('SELECT text FROM notes')).toEqual([{ text: 'committed' }]);
  });
});

describe('a session', () => {
  it('has its own temporary tables, which end with it', async () => {
    await using db = await openDatabase({ directory });
    const create = () =>
      db.session(async (session) => {
        await session.run('CREATE TEMP TABLE mine AS SELECT 1 AS n');
        return session.all('SELECT n FROM mine');
      });

    expect(await Promise.all([create(), create(), create()])).toEqual([[{ n: 1 }], [{ n: 1 }], [{ n: 1 }]]);
    await expect(db.all('SELECT * FROM mine')).rejects.toThrow('mine');
  });

  it('is interrupted by its signal and rejects with its reason', async () => {
    await using db = await openDatabase({ directory });
    const abort = new AbortController();
    const reason = new Error('cancelled');
    const work = db.session(async (session) => {
      await session.all('SELECT 1');
      const running = session.all(endless);
      abort.abort(reason);
      return running;
    }, abort.signal);

    await expect(work).rejects.toBe(reason);
    expect(await db.session((session) => session.all('SELECT 1 AS n'))).toEqual([{ n: 1 }]);
  });

  it('stops waiting for its turn when its signal aborts', async () => {
    await using db = await openDatabase({ directory });
    const stop = new AbortController();
    const reason = new Error('enough');
    const busy = Array.from({ length: 8 }, () => db.session((session) => session.all(endless), stop.signal));
    const abort = new AbortController();
    const waiting = db.session(async () => 'never', abort.signal);
    abort.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    stop.abort(reason);

    expect(await Promise.allSettled(busy)).toEqual(busy.map(() => ({ status: 'rejected', reason })));
  });

  it('leaves no connection behind, however it ends', async () => {
    await using db = await openDatabase({ directory });
    const connections = async () => (await db.all<{ count: number }>('FROM duckdb_connection_count()'))[0]?.count;
    const before = await connections();
    await db.session((session) => session.all('SELECT 1'));
    await expect(db.session(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    await expect(db.session((session) => session.run('SELECT nothing'))).rejects.toThrow('nothing');
    const reason = new Error('left');
    const abort = new AbortController();
    const interrupted = db.session((session) => {
      const running = session.run(endless);
      abort.abort(reason);
      return running;
    }, abort.signal);
    await expect(interrupted).rejects.toBe(reason);
    expect(await connections()).toBe(before);
  });

  it('returns its connection when a read fails', async () => {
    await using db = await openDatabase({ directory });
    for (let read = 0; read < 5; read += 1) await expect(db.all('SELECT nothing')).rejects.toThrow('nothing');
    expect(await db.all('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('sees one snapshot of the data throughout a transaction', async () => {
    await using db = await openDatabase({ directory });
    await db.run('CREATE TABLE notes (text VARCHAR)');
    const seen = await db.session((session) =>
      session.transaction(async () => {
        const before = await session.all('SELECT text FROM notes');
        await db.run('INSERT INTO notes VALUES ($1)', ['later']);
        return [before, await session.all('SELECT text FROM notes')];
      }),
    );

    expect(seen).toEqual([[], []]);
  });
});

describe('closing', () => {
  it('interrupts reads and sessions, lets a transaction finish, and rejects later uses', async () => {
    const db = await openDatabase({ directory });
    await db.run('CREATE TABLE notes (text VARCHAR)');
    const writing = db.transaction(async (tx) => {
      await tx.run('INSERT INTO notes VALUES ($1)', ['finished']);
    });
    const interrupted = [db.all(endless), db.session((session) => session.all(endless))];
    const closing = db[Symbol.asyncDispose]();

    for (const each of interrupted) await expect(each).rejects.toThrow(DatabaseClosedError);
    await writing;
    await closing;
    await expect(db.all('SELECT 1')).rejects.toThrow(DatabaseClosedError);
    await using again = await openDatabase({ directory });
    expect(await again.all('SELECT text FROM notes')).toEqual([{ text: 'finished' }]);
  });

  it('twice is the same as closing once', async () => {
    const db = await openDatabase({ directory });

    await Promise.all([db[Symbol.asyncDispose](), db[Symbol.asyncDispose]()]);
  });
});

describe('opening', () => {
  it('removes the spill files of a killed process', async () => {
    const spilled = join(directory, 'platform.duckdb.tmp');
    await mkdir(spilled);
    await writeFile(join(spilled, 'duckdb_temp_block-1.block'), 'left behind');
    await using db = await openDatabase({ directory });
    await db.all('SELECT 1');

    await expect(rm(join(spilled, 'duckdb_temp_block-1.block'))).rejects.toThrow('ENOENT');
  });

  it('names the package to install when DuckDB is missing', async () => {
    vi.resetModules();
    vi.doMock('@duckdb/node-api', () => {
      throw new Error("Cannot find package '@duckdb/node-api'");
    });
    try {
      const fresh = await import('../../../src/emulator/store/database.ts');
      await expect(fresh.openDatabase({ directory })).rejects.toThrow(fresh.EmulatorNotInstalledError);
      await expect(fresh.openDatabase({ directory })).rejects.toThrow('@duckdb/node-api');
    } finally {
      vi.doUnmock('@duckdb/node-api');
      vi.resetModules();
    }
  });
});

describe('migrations', () => {
  const first: Migration = {
    id: '9001-first',
    statements: ['CREATE TABLE one (n INTEGER)', 'INSERT INTO one VALUES (1)'],
  };
  const second: Migration = { id: '9002-second', statements: ['INSERT INTO one VALUES (2)'] };
  const broken: Migration = {
    id: '9002-broken',
    statements: ['INSERT INTO one VALUES (3)', 'SELECT no_such_function()'],
  };
  const numbers = (db: Database) => db.all<{ n: number }>('SELECT n FROM one ORDER BY n');

  async function known(db: Database): Promise<Migration[]> {
    const rows = await db.all<{ id: string }>('SELECT id FROM schema_migrations ORDER BY id');
    return rows.map(({ id }) => ({ id, statements: ['SELECT never_run()'] }));
  }

  it('are applied once each, in order', async () => {
    await using db = await openDatabase({ directory });
    const before = await known(db);
    await migrate(db, [...before, first]);
    await migrate(db, [...before, first, second]);
    await migrate(db, [...before, first, second]);

    expect(await numbers(db)).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it('that fail leave the database unchanged', async () => {
    await using db = await openDatabase({ directory });
    const before = await known(db);
    await expect(migrate(db, [...before, first, broken])).rejects.toThrow('no_such_function');
    expect(await numbers(db)).toEqual([{ n: 1 }]);
    await migrate(db, [...before, first, second]);

    expect(await numbers(db)).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it('of a newer version are rejected', async () => {
    await using db = await openDatabase({ directory });
    const before = await known(db);
    await migrate(db, [...before, first]);

    await expect(migrate(db, before)).rejects.toThrow('newer version of the emulator (9001-first)');
  });

  it.skipIf(!existsSync(openFiles))('that are rejected at the start leave no file open', async () => {
    {
      await using db = await openDatabase({ directory });
      await migrate(db, [...(await known(db)), first]);
    }
    await expect(openDatabase({ directory })).rejects.toThrow('newer version');
    expect(await openFilesIn(directory)).toEqual([]);
  });
});
