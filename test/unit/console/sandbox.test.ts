import { describe, expect, it } from 'vitest';
import { fromLocal, toLocal } from '../../../src/console/app/local-time.ts';
import { inSandbox, pathInSandbox, sandboxOf, withSandbox } from '../../../src/console/app/sandbox.ts';

describe('the sandbox in the URL', () => {
  it('is read, written and removed, without a change of other parameters', () => {
    const params = inSandbox(new URLSearchParams('state=failed'), 'dev');
    expect([params.toString(), sandboxOf(params)]).toEqual(['state=failed&sandbox=dev', 'dev']);
    expect([inSandbox(params, '').toString(), sandboxOf(new URLSearchParams())]).toEqual(['state=failed', '']);
  });

  it('stays in all links to pages, and in no other link', () => {
    expect(withSandbox('/exports/1', 'dev')).toBe('/exports/1?sandbox=dev');
    expect(withSandbox('/history?job=1#top', 'a b')).toBe('/history?job=1&sandbox=a+b#top');
    expect(withSandbox('/exports/1', '')).toBe('/exports/1');
    for (const other of ['/graphql?query=a', 'https://example.com/files/a', '//example.com/a'])
      expect(withSandbox(other, 'dev')).toBe(other);
  });

  it.each([
    ['/', '/?state=failed&sandbox=dev'],
    ['/history', '/history?state=failed&sandbox=dev'],
    ['/exports/new', '/exports/new?state=failed&sandbox=dev'],
    ['/exports/1', '/?state=failed&sandbox=dev'],
    ['/segment-jobs/1', '/segment-jobs?state=failed&sandbox=dev'],
  ])('changes without the entities of the other sandbox: %s', (path, changed) => {
    const params = new URLSearchParams('state=failed&dataset=d&segment=s&schedule=x&job=1&sandbox=prod');
    expect(pathInSandbox(path, params, 'dev')).toBe(changed);
    expect(pathInSandbox(path, new URLSearchParams('sandbox=dev'), '')).toBe(changed.split('?')[0]);
  });
});

describe('a local time', () => {
  it('is the same moment after it was shown in a field', () => {
    for (const at of ['2030-01-01T00:00:00.000Z', '2030-07-15T23:59:00.000Z']) expect(fromLocal(toLocal(at))).toBe(at);
    expect(toLocal('2030-01-01T12:34:56Z')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:34$/);
    expect([fromLocal(''), toLocal(null)]).toEqual([null, '']);
  });
});
