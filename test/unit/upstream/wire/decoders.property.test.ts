import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { platformId } from '../../../../src/domain/ids.ts';
import type { ExportJobCursor } from '../../../../src/upstream/apis/export-jobs.ts';
import { jsonOf } from '../../../../src/upstream/http/json-body.ts';
import { decodeBatch } from '../../../../src/upstream/wire/batch.ts';
import { decodeFileEntries } from '../../../../src/upstream/wire/batch-files.ts';
import { decodeDataset, decodeDatasetReference } from '../../../../src/upstream/wire/dataset.ts';
import { decodeExportJob } from '../../../../src/upstream/wire/export-job.ts';
import {
  decodeNextCursor,
  encodeExportCursor,
  parseExportCursor,
} from '../../../../src/upstream/wire/export-job-page.ts';
import { decodeMergePolicies, decodeNextPolicyStart } from '../../../../src/upstream/wire/merge-policy.ts';
import { decodeProfileEntries } from '../../../../src/upstream/wire/profile.ts';
import { decodeSandboxPage } from '../../../../src/upstream/wire/sandbox.ts';
import { decodeSchedule } from '../../../../src/upstream/wire/schedule.ts';
import { decodeSegmentDefinitions } from '../../../../src/upstream/wire/segment-definition.ts';
import { decodeSegmentJob } from '../../../../src/upstream/wire/segment-job.ts';
import { decodeToken } from '../../../../src/upstream/wire/token.ts';
import { reading } from '../decoding.ts';

const silent = { anomaly: () => {} };
const anything = fc.jsonValue({ maxDepth: 4 });

/** Objects with the given keys and any values, so that generated values are deeply nested. */
const objectOf = (...keys: string[]) =>
  fc.record(Object.fromEntries(keys.map((key) => [key, anything])), { requiredKeys: [] });
const orAnything = <Value>(value: fc.Arbitrary<Value>) => fc.oneof(value, anything);

const segment = objectOf('segmentId', 'segmentNs', 'status', 'batchId');
const exportJob = fc.record(
  {
    id: orAnything(fc.integer()),
    status: orAnything(fc.constantFrom('NEW', 'SUCCESS', 'odd')),
    jobType: anything,
    fields: anything,
    schema: orAnything(objectOf('name')),
    mergePolicy: orAnything(objectOf('id', 'version')),
    filter: orAnything(
      fc.record({
        segments: orAnything(fc.array(segment)),
        segmentQualificationTime: anything,
        emptyProfiles: anything,
      }),
    ),
    additionalFields: orAnything(fc.record({ eventList: orAnything(objectOf('fields', 'filter')) })),
    destination: orAnything(
      fc.record({ datasetId: anything, batchId: anything, batches: orAnything(fc.array(segment)) }),
    ),
    metrics: orAnything(objectOf('totalTime', 'totalExportedProfileCounter', 'exportedProfileByNamespaceCounter')),
    errors: orAnything(fc.array(objectOf('code', 'msg'))),
    computeGatewayJobId: anything,
    creationTime: orAnything(fc.double()),
    updateTime: anything,
  },
  { requiredKeys: [] },
);

const counter = orAnything(fc.dictionary(fc.string(), orAnything(fc.nat())));
const counterMap = orAnything(fc.dictionary(fc.string(), counter));
const segmentJob = fc.record(
  {
    id: orAnything(fc.uuid()),
    status: orAnything(fc.constantFrom('NEW', 'SUCCESS', 'odd')),
    source: orAnything(fc.constantFrom('api', 'scheduler')),
    properties: orAnything(objectOf('scheduleId')),
    requestId: orAnything(fc.string()),
    segments: orAnything(fc.array(orAnything(objectOf('segmentId', 'segment')))),
    metrics: orAnything(
      fc.record({
        totalTime: orAnything(objectOf('startTimeInMs', 'totalTimeInMs')),
        totalProfiles: anything,
        segmentedProfileCounter: counter,
        segmentedProfileByNamespaceCounter: counterMap,
        segmentedProfileByStatusCounter: counterMap,
      }),
    ),
    errors: orAnything(fc.array(objectOf('code', 'msg'))),
    creationTime: orAnything(fc.double()),
    updateEpoch: orAnything(fc.double()),
  },
  { requiredKeys: [] },
);
const schedule = objectOf('id', 'name', 'type', 'state', 'schedule', 'properties', 'createEpoch', 'updateEpoch');
const definition = objectOf('id', 'expression', 'mergePolicy', 'mergePolicyId', 'evaluationInfo', 'creationTime');
const policy = objectOf('id', 'name', 'version', 'default', 'identityGraph', 'attributeMerge', 'updateEpoch');
const identity = orAnything(fc.record({ entityId: anything, entityIdNS: orAnything(objectOf('code')) }));
const entity = fc.record(
  {
    identities: orAnything(fc.array(orAnything(objectOf('id', 'namespace')))),
    identityMap: orAnything(fc.dictionary(fc.string(), orAnything(fc.array(objectOf('id'))))),
    segmentMembership: orAnything(
      fc.dictionary(fc.string(), orAnything(fc.dictionary(fc.string(), objectOf('status', 'timestamp', 'xdm:status')))),
    ),
  },
  { requiredKeys: [] },
);
const profileEntry = fc.record(
  {
    requestedIdentity: identity,
    entityId: anything,
    entity: orAnything(entity),
    sources: anything,
    lastModifiedAt: anything,
    error: orAnything(objectOf('message', 'statusCode')),
  },
  { requiredKeys: [] },
);

/** Of a job, when it was read; and the time of creation of one without any time. */
const noReading = { requestedAt: null, observedAt: null };
const epoch = '1970-01-01T00:00:00.000Z';
/** All dates within a decoded value. */
const datesIn = (value: unknown): readonly Date[] => {
  if (value instanceof Date) return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(datesIn) : [];
};

describe('decoding', () => {
  it('returns the same date for a time in every resource, with a year of four digits', () => {
    const time = fc.oneof(fc.integer({ min: 1, max: 1e14 }), fc.maxSafeNat(), fc.double());
    fc.assert(
      fc.property(time, fc.boolean(), (number, isText) => {
        const t = isText ? String(number) : number;
        const id = { id: 'x', status: 'NEW' };
        const span = { startTimeInMs: t, endTimeInMs: t };
        const decoded = [
          decodeExportJob({ ...id, creationTime: t, updateTime: t, metrics: { totalTime: span } }, silent, reading),
          decodeSegmentJob({ ...id, createEpoch: t, updateEpoch: t, metrics: { totalTime: span } }, silent, reading),
          decodeSchedule({ ...id, createEpoch: t, updateEpoch: t }, silent, reading),
          decodeSegmentDefinitions({ segments: [{ ...id, creationTime: t }] }, { page: 0, limit: 1 }, silent),
          decodeMergePolicies({ children: [{ ...id, updateEpoch: t }] }, silent),
          decodeProfileEntries({ x: { entity: { a: 1 }, sources: ['s'], lastModifiedAt: t } }, silent),
          decodeDataset('x', { created: t, extensions: { adobe_lakeHouse: { metrics: { asOf: t } } } }, silent),
          decodeBatch('x', { created: t, started: t, metrics: { endTime: t } }, silent),
        ].map((value) => ({ ...value, ...noReading }));
        const dates = decoded.map((value) => new Set(datesIn(value).map((date) => date.toISOString())));
        const known = dates.map((each) => [...each].filter((iso) => iso !== epoch));
        for (const isos of known) {
          expect(isos).toEqual(known[0]);
          for (const iso of isos) expect(iso).toMatch(/^\d{4}-/);
        }
      }),
    );
  });

  it('never throws for segment definitions, schedules and merge policies', () => {
    const values = fc.tuple(segmentJob, schedule, definition, policy, profileEntry).map(Object.values);
    fc.assert(
      fc.property(orAnything(values), (rows: unknown) => {
        for (const value of Array.isArray(rows) ? [rows, ...rows] : [rows]) {
          decodeSegmentJob(value, silent, reading);
          decodeSchedule(value, silent, reading);
          decodeSegmentDefinitions({ segments: [value], page: value }, { page: 0, limit: 1 }, silent);
          const page = decodeMergePolicies({ children: [value], _page: value, _links: { next: value } }, silent);
          if (page !== null) decodeNextPolicyStart(page, undefined);
          decodeProfileEntries(value, silent);
          decodeProfileEntries({ xid: value }, silent);
        }
      }),
    );
  });

  it('returns valid dates, exact counts and each segment once for a segment job', () => {
    fc.assert(
      fc.property(segmentJob, (value) => {
        const job = decodeSegmentJob(value, silent, reading);
        if (job === null) return;
        for (const date of [job.createdAt, job.updatedAt]) expect(date.getTime()).not.toBeNaN();
        const ids = job.segments.map(({ segmentId }) => segmentId);
        expect(new Set(ids).size).toBe(ids.length);
        for (const { profileCount, profilesByStatus, profilesByNamespace } of job.segments) {
          const counts = [...profilesByStatus, ...profilesByNamespace].map(({ count }) => count);
          for (const count of [profileCount ?? 0, ...counts])
            expect(Number.isSafeInteger(count) && count >= 0).toBe(true);
          expect(new Set(profilesByStatus.map(({ status }) => status)).size).toBe(profilesByStatus.length);
        }
      }),
    );
  });

  it('never throws, whatever JSON the platform returns', () => {
    fc.assert(
      fc.property(orAnything(exportJob), anything, (job, other) => {
        decodeExportJob(job, silent, reading);
        for (const value of [job, other]) {
          decodeDataset('x', value, silent);
          decodeBatch('x', value, silent);
          decodeFileEntries({ data: [value, { name: 'n', length: value }], _links: { next: value } }, silent);
          decodeFileEntries(value, silent);
          decodeSandboxPage({ sandboxes: [value] }, silent);
          decodeSandboxPage(value, silent);
          decodeDatasetReference(value);
          decodeNextCursor({ link: { next: value } }, []);
          decodeNextCursor(value, []);
          decodeToken(value);
        }
      }),
    );
  });

  it('returns only valid dates and exact numbers for an export job', () => {
    fc.assert(
      fc.property(exportJob, (value) => {
        const job = decodeExportJob(value, silent, reading);
        if (job === null) return;
        for (const date of [job.createdAt, job.updatedAt]) expect(date.getTime()).not.toBeNaN();
        expect(job.id).not.toBe('');
        const counts = [job.metrics.totalExportedProfiles, job.metrics.totalTime?.durationMs ?? null];
        for (const count of counts) expect(count === null || (Number.isSafeInteger(count) && count >= 0)).toBe(true);
      }),
    );
  });
});

describe('the cursor of export jobs', () => {
  it('is unchanged after a request and its response', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.string({ minLength: 1 }), (createdAtMs, id) => {
        const cursor: ExportJobCursor = { createdAtMs, id: platformId(id) };
        expect(parseExportCursor(encodeExportCursor(cursor))).toEqual(cursor);
      }),
    );
  });

  it('is decoded from the link that contains it', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.string({ minLength: 1 }), (createdAtMs, id) => {
        const cursor: ExportJobCursor = { createdAtMs, id: platformId(id) };
        const query = new URLSearchParams({ limit: '2', offset: encodeExportCursor(cursor) });
        expect(decodeNextCursor({ link: { next: `/export/jobs/?${query}` } }, [])).toEqual(cursor);
      }),
    );
  });
});

/** The decoded form of an integer that is not exact as a number. JSON writes it as a fraction from 1e21 on. */
const unsafeAsText = (_key: string, value: unknown) =>
  Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(Number(value)) < 1e21 ? String(value) : value;

describe('the JSON of the platform', () => {
  it('is parsed like any JSON while its integers are exact', () => {
    fc.assert(
      fc.property(fc.json(), fc.boolean(), (json, mark) => {
        expect(jsonOf(Buffer.from(mark ? `\uFEFF${json}` : json))).toEqual(JSON.parse(json, unsafeAsText));
      }),
    );
  });

  it('has longer integers as strings of their digits, and unchanged strings and fractions (#41)', () => {
    const digits = fc.stringMatching(/^-?[1-9]\d{16,20}$/);
    fc.assert(
      fc.property(digits, fc.string(), (integer, text) => {
        const quoted = JSON.stringify(`${text} [${integer}]`);
        const json = `{"a":${integer},"b":[ ${integer} ,1],"c":${quoted},"d":0.${integer.replace('-', '')},"e":${integer}.5}`;
        expect(jsonOf(Buffer.from(json))).toEqual({
          a: integer,
          b: [integer, 1],
          c: `${text} [${integer}]`,
          d: Number(`0.${integer.replace('-', '')}`),
          e: Number(`${integer}.5`),
        });
      }),
    );
    expect(jsonOf(Buffer.from('9223372036854775807'))).toBe('9223372036854775807');
    expect(jsonOf(Buffer.from('  '))).toBeUndefined();
  });
});
