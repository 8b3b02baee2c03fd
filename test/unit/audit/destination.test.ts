import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAuditDestination } from '../../../src/audit/destination.ts';
import { ConfigurationError } from '../../../src/config/config.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aep-audit-'));
  path = join(folder, 'audit.log');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const read = (file = path) => readFileSync(file, 'utf8');

describe('the file of the audit log', () => {
  it('is created when it is opened, readable for owner and group only', () => {
    using file = openAuditDestination(path);
    expect(read()).toBe('');
    expect(statSync(path).mode & 0o137).toBe(0);
    file.write('one\n');
    expect(read()).toBe('one\n');
  });

  it('keeps the lines that it contains', () => {
    for (const line of ['one\n', 'two\n']) {
      using file = openAuditDestination(path);
      file.write(line);
    }
    expect(read()).toBe('one\ntwo\n');
  });

  it('is opened again when it was renamed', () => {
    using file = openAuditDestination(path);
    file.write('one\n');
    renameSync(path, `${path}.1`);
    file.write('two\n');
    file.write('three\n');
    expect([read(`${path}.1`), read()]).toEqual(['one\n', 'two\nthree\n']);
  });

  it('is opened again when it was replaced or removed', () => {
    using file = openAuditDestination(path);
    file.write('one\n');
    renameSync(path, `${path}.1`);
    openAuditDestination(path)[Symbol.dispose]();
    file.write('two\n');
    expect(read()).toBe('two\n');
    rmSync(path);
    file.write('three\n');
    expect(read()).toBe('three\n');
  });

  it('continues at the start of a file that was truncated', () => {
    using file = openAuditDestination(path);
    file.write('one\n');
    truncateSync(path);
    file.write('two\n');
    expect(read()).toBe('two\n');
  });

  it('throws while it cannot be opened again, and is used again afterwards', () => {
    using file = openAuditDestination(path);
    rmSync(path);
    mkdirSync(path);
    expect(() => file.write('one\n')).toThrow(/not a regular file/);
    rmSync(path, { recursive: true });
    file.write('two\n');
    expect(read()).toBe('two\n');
  });

  it.each([
    ['a folder', () => folder, /not a regular file/],
    ['in a folder that does not exist', () => join(folder, 'none', 'audit.log'), /ENOENT/],
    [
      'a pipe without a reader',
      () => {
        execFileSync('/usr/bin/mkfifo', [path]);
        return path;
      },
      /not a regular file/,
    ],
  ])('must not be %s', (_, named, reason) => {
    const file = named();
    expect(() => openAuditDestination(file)).toThrow(ConfigurationError);
    expect(() => openAuditDestination(file)).toThrow(reason);
    expect(() => openAuditDestination(file)).toThrow(/AUDIT_LOG/);
  });

  it.skipIf(process.getuid?.() === 0)('must be writable', () => {
    using file = openAuditDestination(path);
    file.write('one\n');
    chmodSync(path, 0o400);
    expect(() => openAuditDestination(path)).toThrow(/EACCES/);
  });

  // The limit applies to the whole process, which does nothing else in the meantime.
  it.skipIf(!existsSync('/usr/bin/prlimit'))(
    'begins the next line on a line of its own after one was written in part',
    () => {
      const limitFiles = (bytes: string) =>
        execFileSync('/usr/bin/prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`]);
      using file = openAuditDestination(path);
      file.write(`${'a'.repeat(799)}\n`);
      limitFiles('1000');
      try {
        expect(() => file.write(`${'b'.repeat(799)}\n`)).toThrow(/EFBIG/);
        expect(() => file.write('lost\n')).toThrow(/EFBIG/);
      } finally {
        limitFiles('unlimited');
      }
      file.write('whole\n');
      file.write('last\n');
      expect(read().split('\n')).toEqual(['a'.repeat(799), 'b'.repeat(200), 'whole', 'last', '']);
    },
  );
});
