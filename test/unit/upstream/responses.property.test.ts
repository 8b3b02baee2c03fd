import fc from 'fast-check';
import { expect, it } from 'vitest';
import { platformId, type ScheduleId, type SegmentId, type SegmentJobId } from '../../../src/domain/ids.ts';
import { GatewayError, OutcomeUnknownError, UpstreamUnreadableError } from '../../../src/errors.ts';
import { createBatchesApi } from '../../../src/upstream/apis/batches.ts';
import { createDatasetsApi } from '../../../src/upstream/apis/datasets.ts';
import { createMergePoliciesApi } from '../../../src/upstream/apis/merge-policies.ts';
import { createProfilesApi } from '../../../src/upstream/apis/profiles.ts';
import { createSchedulesApi } from '../../../src/upstream/apis/schedules.ts';
import { createSegmentDefinitionsApi } from '../../../src/upstream/apis/segment-definitions.ts';
import { createSegmentJobsApi } from '../../../src/upstream/apis/segment-jobs.ts';
import { createAttempts } from '../../../src/upstream/creates/attempts.ts';
import type { CarriedOut, WriteClient } from '../../../src/upstream/http/call.ts';
import type { WriteSubject } from '../../../src/upstream/types.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { reading } from './decoding.ts';
import { caller, MetricsRecorder } from './platform-stub.ts';

const anything = fc.jsonValue({ maxDepth: 4 });
const rows = fc.oneof(anything, fc.array(fc.oneof(anything, fc.record({ id: anything, status: anything }))));
const bulk = fc.dictionary(fc.constantFrom('a', 'b'), fc.oneof(anything, fc.record({ errors: anything })));
const body = fc.oneof(
  anything,
  fc.record({ id: anything, status: anything }, { requiredKeys: [] }),
  fc.record(
    { children: rows, segments: rows, page: anything, _page: anything, _links: anything },
    { requiredKeys: [] },
  ),
  fc.record({ results: fc.oneof(anything, bulk) }),
  bulk,
);

/** Every call to the platform has this success as its response. */
const respondingWith = (json: unknown) => {
  const clock = new FakeClock();
  const call = async () => ({ status: 200, headers: {}, json, requestId: 'r', reading });
  return {
    call,
    write: async <Result>(_: WriteSubject, carryOut: (sender: WriteClient) => Promise<CarriedOut<Result>>) =>
      (await carryOut({ send: call })).result,
    open: () => Promise.reject(new Error('Nothing is downloaded here.')),
    clock,
    metrics: new MetricsRecorder(),
    tenant: caller().tenant,
    attempts: createAttempts(clock),
  };
};

it('every call with any JSON value as its response succeeds or fails with a known error, and each failed create has an unknown outcome', async () => {
  const ids = <Id extends ScheduleId | SegmentId | SegmentJobId>() => [platformId<Id>('a'), platformId<Id>('b')];
  await fc.assert(
    fc.asyncProperty(body, async (json) => {
      const client = respondingWith(json);
      const schedules = createSchedulesApi(client);
      const segmentJobs = createSegmentJobsApi(client);
      const definitions = createSegmentDefinitionsApi(client);
      const policies = createMergePoliciesApi(client);
      const reads = [
        schedules.list(),
        schedules.get(platformId('a')),
        segmentJobs.list({ limit: 2 }),
        segmentJobs.get(platformId('a')),
        definitions.list({ limit: 2 }),
        policies.list({ limit: 2 }),
        createProfilesApi(client).getMany([
          { namespace: 'email', value: 'a', fields: null, mergePolicyId: null },
          { namespace: 'email', value: 'b', fields: null, mergePolicyId: null },
        ]),
      ];
      for (const outcome of await Promise.allSettled(reads)) {
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(GatewayError);
      }
      const bulkReads = [
        createDatasetsApi(client).getMany([platformId('a'), platformId('b')]),
        createBatchesApi(client).getMany([platformId('a'), platformId('b')]),
        segmentJobs.getMany(ids<SegmentJobId>()),
        definitions.getMany(ids<SegmentId>()),
        policies.getMany([platformId('a')]),
      ];
      for (const { failed } of await Promise.all(bulkReads)) {
        for (const { error, ofCall } of failed) if (ofCall) expect(error).toBeInstanceOf(UpstreamUnreadableError);
      }
      const [created] = await Promise.allSettled([segmentJobs.create(ids<SegmentId>())]);
      if (created.status === 'rejected') expect(created.reason).toBeInstanceOf(OutcomeUnknownError);
    }),
  );
});
