import { describe, expect, it } from 'vitest';
import type { Download } from '../../../../src/context/download-links.ts';
import { parseTenant } from '../../../../src/domain/tenant.ts';
import { RateLimitedError } from '../../../../src/errors.ts';
import { createKnownFiles } from '../../../../src/server/downloads/known-files.ts';
import { createDownloadLimits } from '../../../../src/server/downloads/limits.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { download } from './file-fixtures.ts';

const by = (id: string, sandbox = 'prod', org = '0123456789ABCDEF01234567@AdobeOrg'): Download => {
  const tenant = parseTenant(org, sandbox);
  if (tenant === null) throw new Error(`not a tenant: ${org} ${sandbox}`);
  return { ...download, id, caller: { ...download.caller, tenant } };
};

describe('downloads at the same time', () => {
  it('the limit of concurrent downloads of one link does not affect another link', () => {
    const limits = createDownloadLimits({ clock: new FakeClock(), total: 100, perLink: 2 });
    const first = limits.enter(by('a'));
    limits.enter(by('a'));
    expect(() => limits.enter(by('a'))).toThrow(RateLimitedError);
    limits.enter(by('b'));
    limits.enter(by('a', 'dev'));
    first[Symbol.dispose]();
    limits.enter(by('a'));
    expect(() => limits.enter(by('a'))).toThrow(RateLimitedError);
  });

  it('downloads of one sandbox always leave room for the others', () => {
    const limits = createDownloadLimits({ clock: new FakeClock(), total: 8 });
    let links = 0;
    const admitted = (sandbox: string, org?: string) => {
      for (let count = 0; ; count += 1) {
        try {
          links += 1;
          limits.enter(by(`link-${links}`, sandbox, org));
        } catch (error) {
          expect(error).toMatchObject({ code: 'RATE_LIMITED', retryable: true, retryAfterMs: 1_000 });
          return count;
        }
      }
    };
    expect(admitted('prod')).toBe(4);
    // The same sandbox name of another organization is another tenant.
    expect(admitted('prod', '999999999999999999999999@AdobeOrg')).toBe(2);
    expect(admitted('dev')).toBe(1);
    expect(admitted('stage')).toBe(1);
    expect(admitted('test')).toBe(0);
  });

  it('ended downloads leave no state behind', () => {
    const limits = createDownloadLimits({ clock: new FakeClock(), total: 8, perLink: 4, requestBurst: 1_000 });
    for (let round = 0; round < 50; round += 1) {
      const entered = Array.from({ length: 4 }, () => limits.enter(by('a')));
      expect(() => limits.enter(by('a'))).toThrow(RateLimitedError);
      for (const each of entered) each[Symbol.dispose]();
    }
  });
});

describe('requests by one link', () => {
  it('requests by one link are limited, with the time of the next attempt in the error', async () => {
    const clock = new FakeClock();
    const limits = createDownloadLimits({ clock, total: 8, requestsPerSecond: 20, requestBurst: 5 });
    const request = (id = 'a') => limits.enter(by(id))[Symbol.dispose]();
    for (let count = 0; count < 5; count += 1) request();
    expect(() => request()).toThrow(expect.objectContaining({ code: 'RATE_LIMITED', retryAfterMs: 50 }));
    request('b');
    await clock.advanceBy(49);
    expect(() => request()).toThrow(RateLimitedError);
    await clock.advanceBy(1);
    request();
    expect(() => request()).toThrow(RateLimitedError);
  });
});

describe('the known files', () => {
  const file = { contentType: 'text/csv', totalBytes: 5, etag: null, lastModified: null };

  it('a known file is kept for the lifetime of its link, and for no other link or tenant', async () => {
    const clock = new FakeClock(download.expiresAt.getTime() - 1_000);
    const known = createKnownFiles({ clock });
    known.set(by('a'), file);
    expect(known.get(by('a'))).toBe(file);
    for (const other of [by('b'), by('a', 'dev'), by('a', 'prod', '999999999999999999999999@AdobeOrg')]) {
      expect(known.get(other)).toBeNull();
    }
    await clock.advanceBy(999);
    expect(known.get(by('a'))).toBe(file);
    await clock.advanceBy(1);
    expect(known.get(by('a'))).toBeNull();
    known.set(by('a'), file);
    known.forget(by('a'));
    expect(known.get(by('a'))).toBeNull();
  });

  it('the least recently used known file is discarded above 10,000 files', () => {
    const known = createKnownFiles({ clock: new FakeClock() });
    known.set(by('first'), file);
    known.set(by('second'), file);
    for (let index = 0; index < 9_998; index += 1) known.set(by(`link-${index}`), file);
    expect(known.get(by('first'))).toBe(file);
    known.set(by('one-more'), file);
    expect([known.get(by('first')), known.get(by('second')), known.get(by('one-more'))]).toEqual([file, null, file]);
  });
});
