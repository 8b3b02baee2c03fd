import { describe, expect, it } from 'vitest';
import {
  decodeMergePolicies,
  decodeMergePolicy,
  decodeNextPolicyStart,
} from '../../../../src/upstream/wire/merge-policy.ts';
import { decoding } from '../decoding.ts';

const decode = (value: unknown) => decoding((context) => decodeMergePolicy(value, context));

describe('a merge policy', () => {
  it('is decoded with all its properties (#41)', () => {
    expect(
      decode({
        id: '5b0d5e8e',
        name: 'real-time-customer-profile-default',
        imsOrgId: 'org',
        schema: { name: '_xdm.context.profile' },
        version: 1,
        identityGraph: { type: 'none' },
        attributeMerge: { type: 'dataSetPrecedence', order: ['5b76f86b', '5cf6bcf7'] },
        default: false,
        isActiveOnEdge: true,
        updateEpoch: 1_551_127_597,
      }),
    ).toEqual({
      value: {
        id: '5b0d5e8e',
        name: 'real-time-customer-profile-default',
        version: 1,
        isDefault: false,
        identityGraph: 'none',
        attributeMerge: 'dataSetPrecedence',
        datasetPrecedence: ['5b76f86b', '5cf6bcf7'],
        updatedAt: new Date(1_551_127_597_000),
      },
      anomalies: [],
    });
  });

  it('may consist of only an id, which may be a number (#10)', () => {
    expect(decode({ id: 7 })).toEqual({
      value: {
        id: '7',
        name: null,
        version: null,
        isDefault: false,
        identityGraph: null,
        attributeMerge: null,
        datasetPrecedence: null,
        updatedAt: null,
      },
      anomalies: [],
    });
  });

  it.each([
    { value: true, isDefault: true },
    { value: 'true', isDefault: true },
    { value: 'false', isDefault: false },
    { value: 1, isDefault: false },
  ])('with the default $value has isDefault $isDefault', ({ value, isDefault }) => {
    expect(decode({ id: 'a', default: value }).value?.isDefault).toBe(isDefault);
  });

  it('is rejected without an id', () => {
    expect(decode({ name: 'No id' })).toEqual({ value: null, anomalies: ['missing-id'] });
    expect(decode('odd')).toEqual({ value: null, anomalies: ['not-an-object'] });
  });
});

describe('the page after a page of merge policies', () => {
  const next = (envelope: object, start?: string) => {
    const { value: page } = decoding((context) =>
      decodeMergePolicies({ children: [{ id: 'a' }], ...envelope }, context),
    );
    return page === null ? undefined : decodeNextPolicyStart(page, start);
  };
  const linked = (href: unknown) => ({ _links: { next: { href } } });

  it.each([
    '@/mergePolicies?start=K1JJRDpF%3D&orderBy=&limit=2',
    '/config/mergePolicies?limit=2&start=K1JJRDpF=',
    'https://elsewhere.example:443/?start=K1JJRDpF%3D',
  ])('begins at the start in the link %s, whose path is ignored (#16, #17)', (href) => {
    expect(next(linked(href))).toBe('K1JJRDpF=');
  });

  it('keeps an unencoded plus', () => {
    expect(next(linked('@/mergePolicies?start=a+b/c='))).toBe('a+b/c=');
    expect(next(linked('@/mergePolicies?start=a%2Bb'))).toBe('a+b');
  });

  it.each([{ count: 100, next: 'K1JJ' }, { next: 'K1JJ' }])(
    'begins at the start in the page %j without a link',
    (_page) => {
      expect(next({ _page })).toBe('K1JJ');
      expect(next({ _page, ...linked('@/mergePolicies?start=b') })).toBe('b');
    },
  );

  it.each([
    undefined,
    {},
    { next: undefined },
    { next: {} },
    { next: '' },
    { next: { href: '' } },
    { next: { href: null } },
  ])('does not exist when the links are %j (#15)', (_links) => {
    expect(next({ _links, _page: { totalCount: 99, pageSize: 1 } })).toBeNull();
  });

  it('does not exist when the link is a template or has no new start (#15)', () => {
    expect(next({ _links: { next: { href: '@/mergePolicies?start={start}', templated: true } } })).toBeNull();
    expect(next(linked('@/mergePolicies?start=a'), 'a')).toBeNull();
    expect(next({ children: [], ...linked('@/mergePolicies?start=a') })).toBeNull();
    expect(next(linked('@/mergePolicies'))).toBeNull();
  });
});
