import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NewExportJob, SegmentMembershipStatus } from '../../../src/domain/export-job.ts';
import { requestOf } from '../../../src/domain/export-request.ts';
import { platformId } from '../../../src/domain/ids.ts';
import { decodeReportedExportJob } from '../../../src/upstream/wire/export-job.ts';
import { encodeNewExportJob } from '../../../src/upstream/wire/new-export-job.ts';
import { decoding, reading } from '../upstream/decoding.ts';

const orNull = <Value>(values: fc.Arbitrary<Value>) => fc.option(values, { nil: null });
const date = fc.date({ min: new Date('2018-01-01'), max: new Date('2038-01-01'), noInvalidDate: true });
const fieldPaths = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}(\.[a-zA-Z]{1,8}){0,3}$/), {
  minLength: 1,
  maxLength: 5,
});
const id = fc.uuid();
const statuses = fc.uniqueArray(fc.constantFrom<SegmentMembershipStatus>('REALIZED', 'EXISTING', 'EXITED'), {
  minLength: 1,
});
/** At least one side, because a window without sides is no condition. */
const window = fc
  .record({ startTime: orNull(date), endTime: orNull(date) })
  .filter(({ startTime, endTime }) => startTime !== null || endTime !== null);

/** Every request that `createExportJob` can send. */
const request: fc.Arbitrary<NewExportJob> = fc.record({
  fields: orNull(fieldPaths),
  schemaName: fc.constantFrom('_xdm.context.profile', '_xdm.context.other'),
  mergePolicy: orNull(fc.record({ id: id.map((text) => platformId<never>(text)), version: orNull(fc.nat(9)) })),
  filter: orNull(
    fc.record({
      segments: orNull(
        fc.array(
          fc.record({
            segmentId: id.map((text) => platformId<never>(text)),
            segmentNs: fc.constantFrom('ups', 'UPS', 'AAM'),
            statuses,
          }),
          { minLength: 1, maxLength: 3 },
        ),
      ),
      segmentQualificationTime: orNull(window),
      fromIngestTimestamp: orNull(date),
      emptyProfiles: fc.boolean(),
    }),
  ),
  eventList: orNull(
    fc.record({
      fields: orNull(fieldPaths),
      fromIngestTimestamp: orNull(date),
      toIngestTimestamp: orNull(date),
    }),
  ),
  datasetId: id.map((text) => platformId<never>(text)),
  segmentPerBatch: fc.boolean(),
  evaluateSegments: fc.boolean(),
  waitForBatch: fc.boolean(),
});

const head = { id: 1, status: 'SUCCEEDED', jobType: 'BATCH', creationTime: 1, updateTime: 1 };

function reported(record: object) {
  const wire: unknown = JSON.parse(JSON.stringify({ ...head, ...record }));
  const { value } = decoding((context) => decodeReportedExportJob(wire, context, reading));
  if (value === null) throw new Error('This is no export job.');
  return value;
}

describe('requestOf', () => {
  it('returns the request of a job whose record contains all of it', () => {
    fc.assert(
      fc.property(request, (sent) => {
        expect(requestOf(reported(encodeNewExportJob(sent)))).toEqual(sent);
      }),
    );
  });

  it('returns a request that differs only where the record omits a part', () => {
    const parts = ['fields', 'schema', 'filter', 'additionalFields', 'evaluationInfo', 'properties'] as const;
    const pathOf = {
      fields: 'fields',
      schema: 'schemaName',
      filter: 'filter',
      additionalFields: 'eventList',
      evaluationInfo: 'evaluateSegments',
      properties: 'waitForBatch',
    } as const;
    fc.assert(
      fc.property(request, fc.subarray([...parts]), (sent, dropped) => {
        const body: object = encodeNewExportJob(sent);
        const job = reported({ ...body, ...Object.fromEntries(dropped.map((part) => [part, undefined])) });
        for (const part of dropped) expect(job.omits).toContain(pathOf[part]);
        const rebuilt = requestOf(job);
        for (const part of parts) {
          const path = pathOf[part];
          if (!dropped.includes(part)) expect(rebuilt[path]).toEqual(sent[path]);
        }
        expect(rebuilt).toMatchObject({ datasetId: sent.datasetId, segmentPerBatch: sent.segmentPerBatch });
      }),
    );
  });

  it('omits the conditions of a filter that shows only its segments', () => {
    const { omits } = reported({ filter: { segments: [{ segmentId: 's-1' }] } });
    expect([...omits].filter((part) => part.startsWith('filter')).toSorted()).toEqual([
      'filter.emptyProfiles',
      'filter.fromIngestTimestamp',
      'filter.segmentQualificationTime',
      'filter.segments',
    ]);
  });
});
