import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileExport } from '../../../src/emulator/engine/compile-export.ts';
import { type ExportSelection, ExportSelectionError } from '../../../src/emulator/engine/export-selection.ts';
import { array, map, object, prune, storedPaths, value } from '../../../src/emulator/xdm/field.ts';
import { eventSchema, profileSchema } from '../../../src/emulator/xdm/schema.ts';

const person = object({ name: object({ firstName: value, lastName: value }), gender: value });
const schema = object({
  _id: value,
  person,
  identities: array({ id: value, namespace: object({ code: value }) }),
  identityMap: map,
});

describe('pruning a schema', () => {
  it('selects everything for null, and whole objects for their path', () => {
    expect(prune(schema, null)).toEqual(schema);
    expect(prune(schema, ['person', '_id'])).toEqual(object({ _id: value, person: person }));
  });

  it('selects single leaves, and the union of paths below one object', () => {
    expect(prune(schema, ['person.name.lastName'])).toEqual(
      object({ person: object({ name: object({ lastName: value }) }) }),
    );
    expect(prune(schema, ['person.gender', 'person.name.lastName', 'person.name.firstName'])).toEqual(
      object({ person: person }),
    );
    expect(prune(schema, ['person.name.lastName', 'person'])).toEqual(object({ person: person }));
  });

  it('reaches into the objects of a list', () => {
    expect(prune(schema, ['identities'])).toEqual(
      object({ identities: array({ id: value, namespace: object({ code: value }) }) }),
    );
    expect(prune(schema, ['identities.id'])).toEqual(object({ identities: { ...array({ id: value }), whole: false } }));
    expect(prune(schema, ['identities.namespace.code'])).toEqual(
      object({ identities: { ...array({ namespace: object({ code: value }) }), whole: false } }),
    );
  });

  it('selects keys of a map, or all keys when the map itself is selected', () => {
    expect(prune(schema, ['identityMap.ECID', 'identityMap.Email', 'identityMap.ECID'])).toEqual(
      object({ identityMap: { kind: 'map', keys: ['ECID', 'Email'] } }),
    );
    expect(prune(schema, ['identityMap.ECID', 'identityMap'])).toEqual(object({ identityMap: map }));
  });

  it('ignores paths that the schema does not have', () => {
    expect(prune(schema, ['_id', 'nope', 'person.nope', '_id.below', 'identityMap.a.b'])).toEqual(
      object({ _id: value }),
    );
    expect(prune(schema, ['nope', 'person.nope', '_id.below', '', 'toString', '__proto__'])).toBeNull();
    expect(prune(schema, [])).toBeNull();
  });

  it('with all stored paths returns the schema itself', () => {
    for (const each of [profileSchema, eventSchema]) expect(prune(each, storedPaths(each))).toEqual(each);
  });
});

const everything: ExportSelection = {
  sandbox: 'prod',
  fields: null,
  mergePolicyId: null,
  segments: null,
  segmentQualificationTime: null,
  fromIngestTimestamp: null,
  emptyProfiles: false,
  events: null,
};
const part = { part: 2, firstPerson: 10, lastPerson: 20 };

describe('a compiled selection', () => {
  it('reads only the selected attributes from the store', () => {
    const { sql } = compileExport({ ...everything, fields: ['homeAddress.city'] }).rows(part);

    expect(sql).toContain('"homeAddress.city"');
    for (const absent of ['"loyalty.points"', 'segment_memberships', 'experience_events', '"identity.ECID"', 'md5']) {
      expect(sql).not.toContain(absent);
    }
  });

  it('reads events and memberships only for the people of a part', () => {
    const { sql, parameters } = compileExport({
      ...everything,
      events: { fields: ['_id'], fromIngestTimestamp: null, toIngestTimestamp: null },
    }).rows(part);

    expect(parameters).toEqual(['prod', 10, 20, 2]);
    const bounded = 'WHERE sandbox = $1 AND person BETWEEN $2 AND $3';
    expect(sql).toContain(`FROM segment_memberships SEMI JOIN k USING (person) ${bounded}`);
    expect(sql).toContain(`FROM experience_events v SEMI JOIN k USING (person) ${bounded}`);
  });

  it('orders events with equal time and id by insertion, whichever thread reads them first', () => {
    const events = { fields: ['_id'], fromIngestTimestamp: null, toIngestTimestamp: null };
    const { sql } = compileExport({ ...everything, events }).rows(part);

    expect(sql).toContain(`list_grade_up(list({'time': "timestamp", 'id': "_id", 'row': rowid}))`);
  });

  it('carries every value of the selection as a parameter', () => {
    const [start, end, since] = [new Date(1), new Date(2), new Date(3)];
    const { keys } = compileExport({
      ...everything,
      segments: [{ segmentId: 's1', segmentNs: 'UPS', statuses: ['realized'] }],
      segmentQualificationTime: { startTime: start, endTime: end },
      fromIngestTimestamp: since,
    });

    expect(keys.parameters).toEqual(['prod', 'prod', 'ups', 's1', ['realized'], start, end, since]);
  });

  it('never has text of the selection in its SQL', () => {
    // Longer than any word of the SQL, so that a match cannot be accidental.
    const text = fc.string({ minLength: 1 }).map((each) => `${each}'"; DROP TABLE populations; --${each}`);
    const segment = fc.record({ segmentId: text, segmentNs: text, statuses: fc.array(text) });
    fc.assert(
      fc.property(text, text, fc.array(segment), fc.boolean(), (sandbox, key, segments, stitched) => {
        const compiled = compileExport({
          ...everything,
          sandbox,
          fields: ['_id', key, `person.${key}`, `identityMap.${key}`, `segmentMembership.${key}`],
          mergePolicyId: stitched ? null : '2b43d78d-0ad4-4c1e-ac2d-574c09b01119',
          segments,
          events: { fields: ['_id', key, `web.${key}`], fromIngestTimestamp: null, toIngestTimestamp: null },
        });
        for (const { sql } of [compiled.keys, compiled.rows(part)]) expect(sql).not.toContain('DROP TABLE');
      }),
      { numRuns: 50 },
    );
  });

  it('reports errors of a selection', () => {
    const unknown = () => compileExport({ ...everything, mergePolicyId: 'mpid1' });

    expect(unknown).toThrow(ExportSelectionError);
    expect(unknown).toThrow('There is no merge policy with the id "mpid1".');
    expect(() => compileExport({ ...everything, fields: ['a', 'b.c'] })).toThrow(
      'None of the profile fields exists: a, b.c.',
    );
  });
});
