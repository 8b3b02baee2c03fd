import { describe, expect, it } from 'vitest';
import { decodeProfileEntries, type ProfileEntry } from '../../../../src/upstream/wire/profile.ts';
import { decodeSegmentMemberships } from '../../../../src/upstream/wire/segment-membership.ts';
import { decoding } from '../decoding.ts';

const decode = (json: unknown) => decoding((context) => decodeProfileEntries(json, context));

/** The only entry of a response. */
function entry(fields: object): ProfileEntry {
  const [first, ...others] = decode({ 'xid-1': fields }).value ?? [];
  if (first === undefined || others.length > 0) throw new Error('It was not decoded.');
  return first;
}

describe('an entry of a response to a lookup', () => {
  it('is a person with the attributes of the platform, under a key that is none of the identities (#30, #41)', () => {
    const entity = {
      person: { name: { firstName: 'Jane' } },
      identities: [
        { id: '8914', namespace: { code: 'ecid' }, primary: 'true' },
        { id: 7, namespace: { code: 'crmid' } },
        { id: '', namespace: { code: 'email' } },
        { id: 'x' },
      ],
      identityMap: { email: [{ id: 'jane@example.com', primary: true }, {}], phone: { id: '+1' }, odd: 'x' },
      segmentMembership: { ups: { 's-1': { status: 'realized' } } },
    };
    const { value, anomalies } = decode({
      BVrqzwVv7o2p3naHvnsWpqZXv3KJgA: {
        requestedIdentity: { entityId: 2_334_263, entityIdNS: { code: 'b2b_account' } },
        entityId: 'BVrqzwVv7o2p3naHvnsWpqZXv3KJgA',
        mergePolicy: { id: 'policy' },
        sources: ['1000000000'],
        tags: ['b'],
        identityGraph: ['BVrqzwVv7o2p3naHvnsWpqZXv3KJgA'],
        entity,
        lastModifiedAt: '2018-10-18T15:59:10-08:00',
        somethingNew: {},
      },
    });
    expect(anomalies).toEqual([]);
    expect(value).toEqual([
      {
        content: {
          kind: 'profile',
          profile: {
            entityId: 'BVrqzwVv7o2p3naHvnsWpqZXv3KJgA',
            attributes: entity,
            segmentMemberships: [
              { namespace: 'ups', segmentId: 's-1', status: 'REALIZED', lastQualificationTime: null },
            ],
            lastModifiedAt: new Date('2018-10-18T23:59:10Z'),
          },
        },
        requested: { namespace: 'b2b_account', value: '2334263' },
        identities: [
          { namespace: 'ecid', value: '8914' },
          { namespace: 'crmid', value: '7' },
          { namespace: 'email', value: 'jane@example.com' },
          { namespace: 'phone', value: '+1' },
        ],
      },
    ]);
  });

  it.each([
    { entity: {}, sources: [''], lastModifiedAt: '1970-01-01T00:00:00Z' },
    { entity: {}, sources: ['1000'], lastModifiedAt: '1970-01-01T00:00:00Z' },
    { entity: {}, sources: [''] },
    { entity: {} },
  ])('has no person when it is %j (#30)', (fields) => {
    expect(entry(fields).content).toEqual({ kind: 'nobody' });
  });

  it.each([
    {
      fields: { entity: {}, lastModifiedAt: '2018-08-28T20:57:24Z' },
      lastModifiedAt: new Date('2018-08-28T20:57:24Z'),
    },
    { fields: { entity: {}, sources: ['1000000000'] }, lastModifiedAt: null },
    { fields: { entity: { _id: 'a' }, lastModifiedAt: '1970-01-01T00:00:00Z' }, lastModifiedAt: null },
    { fields: { entity: { _id: 'a' }, lastModifiedAt: 'long ago' }, lastModifiedAt: null },
  ])('is a person, perhaps without the requested fields, when it is $fields (#30)', ({ fields, lastModifiedAt }) => {
    const attributes = fields.entity;
    expect(entry(fields).content).toEqual({
      kind: 'profile',
      profile: { entityId: 'xid-1', attributes, segmentMemberships: [], lastModifiedAt },
    });
  });

  it('is an error, in a map or in a list (#22, #31)', () => {
    const error = { message: 'Unprocessable', cause: 'Too many related identities', statusCode: '422' };
    const failure = { content: { kind: 'failure', error: { status: 422, error } }, requested: null, identities: [] };
    expect(decode([{ xid: 'xid-1', error }])).toEqual({ value: [failure], anomalies: [] });
    expect(decode({ 'xid-1': { error } })).toEqual({ value: [failure], anomalies: [] });
    expect(decode([{ xid: 'xid-1', entity: { _id: 'a' } }]).value).toMatchObject([
      { content: { kind: 'profile', profile: { entityId: 'xid-1' } } },
    ]);
  });

  it('is omitted when it is null, and a text or a number in its place makes the response unreadable', () => {
    expect(decode({ a: null, b: [] })).toEqual({ value: [], anomalies: ['not-an-object', 'not-an-object'] });
    expect(decode({ a: null, message: 'Lost' })).toEqual({ value: null, anomalies: [] });
    expect(decode({ a: { entity: { x: 1 } }, count: 1 })).toEqual({ value: null, anomalies: [] });
    expect(decode(['odd'])).toEqual({ value: null, anomalies: [] });
    expect(decode([])).toEqual({ value: [], anomalies: [] });
    expect(decode({})).toEqual({ value: [], anomalies: [] });
    expect(decode('odd')).toEqual({ value: null, anomalies: [] });
    expect(decode(undefined)).toEqual({ value: null, anomalies: [] });
  });

  it('without an entity or an id is an anomaly', () => {
    expect(decode({ 'xid-1': { sources: ['1000'] } })).toMatchObject({
      value: [{ content: { kind: 'profile' } }],
      anomalies: ['missing-field'],
    });
    expect(decode([{ entity: { _id: 'a' } }])).toMatchObject({
      value: [{ content: { profile: { entityId: '' } } }],
      anomalies: ['missing-id'],
    });
  });
});

describe('segment memberships', () => {
  const memberships = (entity: object) => decoding((context) => decodeSegmentMemberships(entity, context));
  const at = '2018-04-26T15:52:25+00:00';
  const time = new Date(at);

  it('may have any keys, and either name of their time (#37)', () => {
    const segmentMembership = {
      ups: {
        '1rfe8422-334d-12f4-3sd4-12cf6g990g51': { lastQualificationTime: at, timestamp: 'x', status: 'realized' },
      },
      Email: { 'abcd@adobe.com': { timestamp: at, status: 'Exited' } },
      __proto__: {},
    };
    expect(memberships({ segmentMembership })).toEqual({
      value: [
        {
          namespace: 'ups',
          segmentId: '1rfe8422-334d-12f4-3sd4-12cf6g990g51',
          status: 'REALIZED',
          lastQualificationTime: time,
        },
        { namespace: 'Email', segmentId: 'abcd@adobe.com', status: 'EXITED', lastQualificationTime: time },
      ],
      anomalies: [],
    });
  });

  it('may have prefixed names (#37)', () => {
    const membership = { 'xdm:lastQualificationTime': at, 'xdm:status': 'existing', 'xdm:version': 1 };
    const expected = [{ namespace: 'AAM', segmentId: 's', status: 'EXISTING', lastQualificationTime: time }];
    for (const name of ['segmentMembership', 'xdm:segmentMembership']) {
      expect(memberships({ [name]: { AAM: { s: membership } } })).toEqual({ value: expected, anomalies: [] });
    }
    expect(memberships({ segmentMembership: { AAM: { s: { 'xdm:timestamp': at, status: 'existing' } } } })).toEqual({
      value: expected,
      anomalies: [],
    });
  });

  it.each([
    { status: 'exiting', expected: 'EXITED', anomalies: [] },
    { status: 'frozen', expected: 'UNKNOWN', anomalies: ['unknown-status'] },
    { status: undefined, expected: 'UNKNOWN', anomalies: ['missing-status'] },
  ])('with the status $status are $expected (#7)', ({ status, expected, anomalies }) => {
    expect(memberships({ segmentMembership: { ups: { s: { status } } } })).toMatchObject({
      value: [{ status: expected, lastQualificationTime: null }],
      anomalies,
    });
  });

  it('are empty without a map of them', () => {
    for (const segmentMembership of [undefined, null, 'x', [], { ups: null }, { ups: [] }]) {
      expect(memberships({ segmentMembership })).toEqual({ value: [], anomalies: [] });
    }
    expect(memberships({ segmentMembership: { ups: { s: 'realized' } } })).toEqual({
      value: [],
      anomalies: ['not-an-object'],
    });
  });
});
