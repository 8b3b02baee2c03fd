import { describe, expect, it } from 'vitest';
import { createFileContents, createFileSlots } from '../../../src/context/file-contents.ts';
import { type DataSetFileId, platformId } from '../../../src/domain/ids.ts';
import {
  FileUnreadableError,
  NotFoundError,
  RateLimitedError,
  UpstreamTimeoutError,
  UpstreamUnreadableError,
} from '../../../src/errors.ts';
import type { FileBytes, FilesApi } from '../../../src/upstream/apis/files.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { oneColumn, plainIntegers } from '../../support/parquet-writer.ts';

const content = oneColumn({ type: 'INT32' }, 3, [{ values: 3, bytes: plainIntegers(7, 8, 9) }]);
const file = { fileId: platformId<DataSetFileId>('f'), name: 'part-0.parquet', sizeBytes: content.length };

interface FakeFile {
  readonly bytes?: Buffer;
  /** Replaces members of the response to a read, by its number. */
  readonly answer?: (read: number) => Partial<FileBytes>;
  readonly signal?: AbortSignal;
}

function contentsOf({ bytes = content, answer, signal = new AbortController().signal }: FakeFile = {}) {
  const clock = new FakeClock();
  const reads: (readonly [number, number | undefined])[] = [];
  const signals: AbortSignal[] = [];
  const files = (aborts: AbortSignal): Pick<FilesApi, 'read' | 'stat'> => ({
    stat: async () => ({ contentType: 'x/y', etag: null, lastModified: null, totalBytes: bytes.length }),
    read: async ({ range = { first: 0 } }) => {
      signals.push(aborts);
      const { first, last = bytes.length - 1 } = range;
      const number = reads.push([first, range.last]) - 1;
      const body = (async function* () {
        yield bytes.subarray(first, first + 5);
        yield bytes.subarray(first + 5, last + 1);
      })();
      const version = { contentType: 'x/y', etag: null, lastModified: null };
      return { kind: 'bytes', ...version, totalBytes: bytes.length, first, last, body, ...answer?.(number) };
    },
  });
  const slots = createFileSlots(clock);
  return {
    contents: createFileContents({ files, owner: 'tenant', slots, clock, signal }),
    clock,
    reads,
    signals,
    slots,
  };
}

describe('the contents of a file', () => {
  it('are its columns, row count and first rows', async () => {
    const { contents } = contentsOf();
    const columns = [{ name: 'a', type: 'integer', nullable: false }];
    expect(await contents.summary(file)).toEqual({ columns, rowCount: 3 });
    expect(await contents.preview(file, 2)).toEqual({ columns, rowCount: 3, rows: [{ a: 7 }, { a: 8 }] });
  });

  it('are read once for the columns and the row count of an operation', async () => {
    const { contents, reads } = contentsOf();
    await Promise.all([contents.summary(file), contents.summary({ ...file })]);
    expect(reads).toHaveLength(1);
  });

  it('are null for another format', async () => {
    const bytes = Buffer.from('id,name\r\n1,a\r\n2,b\r\n');
    const { contents } = contentsOf({ bytes });
    expect(await contents.summary({ ...file, sizeBytes: bytes.length })).toBe(null);
  });

  it('are found by the length that the platform states for the file, if the list has none', async () => {
    const { contents } = contentsOf();
    expect(await contents.summary({ ...file, sizeBytes: null })).toMatchObject({ rowCount: 3 });
  });

  it('are FILE_UNREADABLE if the file is damaged', async () => {
    const bytes = Buffer.concat([content.subarray(0, 30), content.subarray(40)]);
    const { contents } = contentsOf({ bytes });
    await expect(contents.preview({ ...file, sizeBytes: bytes.length }, 1)).rejects.toBeInstanceOf(FileUnreadableError);
  });

  it('are read from a longer range than requested', async () => {
    const { contents } = contentsOf({
      answer: () => ({
        first: 0,
        body: (async function* () {
          yield content;
        })(),
      }),
    });
    expect(await contents.preview(file, 1)).toMatchObject({ rows: [{ a: 7 }] });
  });

  it.each<[string, (read: number) => Partial<FileBytes>]>([
    ['the length of the file changes', () => ({ totalBytes: 10 })],
    ['the version of the file changes', (read) => ({ etag: `"${read}"` })],
    ['the platform returns another range', () => ({ first: 1_000_000 })],
    ['the platform sends fewer bytes', () => ({ body: (async function* () {})() })],
  ])('are UPSTREAM_UNREADABLE if %s', async (_, answer) => {
    const { contents } = contentsOf({ answer });
    await expect(contents.preview(file, 1)).rejects.toBeInstanceOf(UpstreamUnreadableError);
  });

  it('are NOT_FOUND if the platform no longer has the file', async () => {
    const clock = new FakeClock();
    const files = () => ({ stat: async () => null, read: async () => null });
    const { signal } = new AbortController();
    const contents = createFileContents({ files, owner: 't', slots: createFileSlots(clock), clock, signal });
    await expect(contents.summary(file)).rejects.toBeInstanceOf(NotFoundError);
    await expect(contents.summary({ ...file, name: 'other', sizeBytes: null })).rejects.toBeInstanceOf(NotFoundError);
  });

  it('fail with UPSTREAM_TIMEOUT after 20 seconds, and their call ends', async () => {
    const { contents, clock, signals } = contentsOf({
      answer: () => ({
        // A body that never arrives.
        body: (async function* () {
          const signal = signals[0];
          await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
        })(),
      }),
    });
    const failed = expect(contents.summary(file)).rejects.toBeInstanceOf(UpstreamTimeoutError);
    while (signals.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advanceBy(20_000);
    await failed;
    expect(signals[0]?.aborted).toBe(true);
  });

  it('end with their caller', async () => {
    const leaving = new AbortController();
    leaving.abort(new Error('left'));
    const { contents, reads } = contentsOf({ signal: leaving.signal });
    await expect(contents.summary(file)).rejects.toThrow('left');
    expect(reads).toEqual([]);
  });

  it('wait for a slot of the tenant, and are RATE_LIMITED if none becomes free', async () => {
    const { contents, clock, slots } = contentsOf();
    for (let held = 0; held < 4; held++) await slots.take('tenant', new AbortController().signal);
    const failed = expect(contents.summary(file)).rejects.toBeInstanceOf(RateLimitedError);
    await clock.advanceBy(15_000);
    await failed;
  });
});
