import { isDeepStrictEqual } from 'node:util';
import {
  type DocumentNode,
  getNamedType,
  isObjectType,
  isSpecifiedScalarType,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExpectedAnswers } from '../support/expected-answers.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { organization, startPlatform } from '../support/platform.ts';
import { type PlatformReading, partPath, readParts, readPlatform, readProfile } from '../support/platform-reading.ts';
import { writeAtRandom } from '../support/random-writes.ts';
import { connectRest, type RestClient } from '../support/rest-client.ts';
import { printedSchema } from '../support/sdl.ts';
import { everyNode, readGateway } from './gateway-reading.ts';
import {
  type BatchFilter,
  ReadAllBatchesDocument,
  ReadBatchesDocument,
  ReadByIdDocument,
  ReadContentsDocument,
  ReadDatasetsDocument,
  ReadEndedJobsDocument,
  ReadExportJobsDocument,
  ReadFilesDocument,
  ReadMergePoliciesDocument,
  ReadProfileDocument,
  ReadSchedulesDocument,
  ReadSegmentDefinitionsDocument,
  ReadSegmentJobsDocument,
  ReadViewerDocument,
  type SegmentJobFilter,
  type SegmentJobOrder,
} from './operations.generated.ts';

/** Number of rows on a page. It differs for each seed, so that no list ends at the end of a page by design. */
const runs = [
  { seed: 11, first: 100, sandbox: 'prod' },
  { seed: 12, first: 7, sandbox: 'prod' },
  { seed: 13, first: 3, sandbox: 'dev' },
] as const;
const writes = 18;

describe.each(runs)('with the data of seed $seed, read $first at a time in $sandbox', ({ seed, first, sandbox }) => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  const headers = { 'x-sandbox-name': sandbox };
  let platform: Awaited<ReturnType<typeof startPlatform>>;
  let gateway: Gateway;
  let asked: Pick<Gateway, 'query'>;
  let rest: RestClient;

  beforeAll(async () => {
    // The emulator runs at its own pace, so that after the last write some jobs have ended and others are in each
    // stage.
    platform = await startPlatform({ seed, clock, profiles: 80, pace: {} });
    gateway = await startGateway({ platform, clock });
    rest = await connectRest(platform, sandbox);
    await writeAtRandom(rest, clock, { seed, writes });
    asked = { query: (document, variables) => gateway.query(document, variables, headers) };
    // Expectations come from all jobs that the gateway has read before.
    await readGateway(asked, first);
  });
  afterAll(async () => {
    await gateway.close();
    await platform.close();
  });

  /** State after the last comparison, with which the next one begins. */
  let latest: PlatformReading | null = null;

  /**
   * The result of `read` while the platform did not change. Work of a stage that has begun may end without time
   * passing.
   * @param read receives the state of the platform
   */
  async function whileNothingChanges<T>(read: (before: PlatformReading) => Promise<T>) {
    for (let before = latest ?? (await readPlatform(rest)); ; ) {
      const answer = await read(before);
      const after = await readPlatform(rest);
      latest = after;
      if (isDeepStrictEqual(before, after)) {
        return { answer, platform: after, expected: new ExpectedAnswers(after, { now: clock.now() }) };
      }
      before = after;
    }
  }

  it('every list has every row and every field of the platform', async () => {
    const { answer, expected } = await whileNothingChanges(() => readGateway(asked, first));
    expect(answer.exportJobs).toEqual(expected.exportJobs);
    expect(answer.datasets).toEqual(expected.datasets);
    for (const [index, { platformId }] of answer.datasets.entries())
      expect(answer.batches[index]).toEqual(expected.batchesOf(platformId));
    expect(answer.allBatches.toSorted(byId)).toEqual(expected.batches.toSorted(byId));
    expect(answer.schedules).toEqual(expected.schedules);
    expect(answer.segmentJobs).toEqual(expected.segmentJobs);
    expect(answer.segmentDefinitions).toEqual(expected.segmentDefinitions);
    expect(answer.mergePolicies).toEqual(expected.mergePolicies);

    // Otherwise the comparison would be weak.
    for (const jobs of [answer.exportJobs, answer.segmentJobs])
      expect(new Set(jobs.map(({ status }) => status)).size).toBeGreaterThanOrEqual(5);
    expect(answer.batches.flat().length).toBeGreaterThan(10);
  });

  it('a wait for an ended job returns its state at once', async () => {
    const { answer, expected } = await whileNothingChanges(({ exportJobs, segmentJobs }) => {
      const ended = <Job extends { readonly status: string }>(jobs: readonly Job[]) =>
        jobs.find(({ status }) => status === 'SUCCEEDED');
      const [exportJob, segmentJob] = [ended(exportJobs)?.id, ended(segmentJobs)?.id];
      return asked.query(ReadEndedJobsDocument, { exportJob: String(exportJob), segmentJob: String(segmentJob) });
    });
    const { awaitExportJob, awaitSegmentJob } = answer;
    expect([awaitExportJob?.ended, awaitSegmentJob?.ended]).toEqual([true, true]);
    const find = <Job extends { readonly id: string }>(jobs: readonly Job[], id: string | undefined) =>
      jobs.find((job) => job.id === id);
    expect(awaitExportJob?.job).toEqual(find(expected.exportJobs, awaitExportJob?.job.id));
    expect(awaitSegmentJob?.job).toEqual(find(expected.segmentJobs, awaitSegmentJob?.job.id));
  });

  it('each list reports its number of entries if the platform does', async () => {
    const { answer, platform: all } = await whileNothingChanges(() =>
      Promise.all([
        asked.query(ReadSegmentJobsDocument, { first }),
        asked.query(ReadSegmentJobsDocument, { first, filter: { statuses: ['SUCCEEDED'] } }),
        asked.query(ReadSegmentJobsDocument, { first, filter: { statuses: ['SUCCEEDED', 'FAILED'] } }),
        asked.query(ReadSegmentDefinitionsDocument, { first }),
        asked.query(ReadSegmentDefinitionsDocument, { first, filter: { nameContains: 'a' } }),
        asked.query(ReadMergePoliciesDocument, { first }),
        asked.query(ReadSchedulesDocument, { first }),
        asked.query(ReadExportJobsDocument, { first }),
        asked.query(ReadDatasetsDocument, { first }),
        asked.query(ReadAllBatchesDocument, { first }),
      ]),
    );
    const succeeded = all.segmentJobs.filter(({ status }) => status === 'SUCCEEDED');
    expect(answer.map(({ page }) => page.totalCount)).toEqual([
      all.segmentJobs.length,
      succeeded.length,
      null,
      all.segmentDefinitions.length,
      null,
      all.mergePolicies.length,
      all.schedules.length,
      null,
      null,
      null,
    ]);
  });

  it('segments by a part of their names and in order are the same as on the platform', async () => {
    const partOf = ([first]: PlatformReading['segmentDefinitions']) => (first?.name ?? '').slice(1, 5);
    const { answer, platform: all } = await whileNothingChanges(async ({ segmentDefinitions }) => ({
      found: await everyNode(async (after) => {
        const filter = { nameContains: partOf(segmentDefinitions).toUpperCase() };
        return (await asked.query(ReadSegmentDefinitionsDocument, { first, after, filter })).page;
      }),
      byName: await everyNode(async (after) => {
        const orderBy = { field: 'NAME', direction: 'DESC' } as const;
        return (await asked.query(ReadSegmentDefinitionsDocument, { first, after, orderBy })).page;
      }),
    }));
    const part = partOf(all.segmentDefinitions);
    const named = all.segmentDefinitions.filter(({ name = '' }) => name.toLowerCase().includes(part.toLowerCase()));
    expect(named.length).toBeGreaterThan(0);
    expect(answer.found.map(({ platformId }) => platformId)).toEqual(named.map(({ id }) => id));
    const names = all.segmentDefinitions.map(({ name = '' }) => name);
    expect(answer.byName.map(({ name }) => name)).toEqual(names.toSorted().reverse());
  });

  it('batches by status, dataset and time are the same as on the platform', async () => {
    const { answer, expected } = await whileNothingChanges(async () => {
      const batches = await everyNode(
        async (after) => (await asked.query(ReadAllBatchesDocument, { first, after })).page,
      );
      const middle = batches[Math.floor(batches.length / 2)];
      const filters: readonly BatchFilter[] = [
        { statuses: ['FAILED'] },
        { statuses: ['SUCCESS', 'UNKNOWN'] },
        { datasetId: middle?.dataset?.id ?? 'none' },
        { createdAfter: middle?.createdAt ?? clock.now().toISOString(), statuses: ['SUCCESS', 'ACTIVE', 'FAILED'] },
      ];
      return Promise.all(
        filters.map(async (filter) => ({
          filter,
          found: await everyNode(
            async (after) => (await asked.query(ReadAllBatchesDocument, { first, after, filter })).page,
          ),
        })),
      );
    });
    for (const { filter, found } of answer) {
      const wanted = expected.batches.filter(
        ({ status, dataset, createdAt }) =>
          (filter.statuses?.some((each) => each === status) ?? true) &&
          (filter.datasetId === undefined || (dataset?.id ?? null) === filter.datasetId) &&
          Date.parse(createdAt ?? '') > Date.parse(filter.createdAfter ?? '1970-01-01'),
      );
      expect(found.toSorted(byId)).toEqual(wanted.toSorted(byId));
    }
    if (sandbox === 'prod') expect(answer.filter(({ found }) => found.length > 0).length).toBeGreaterThan(2);
  });

  it('every lookup by id returns the same entity as the lists', async () => {
    const { answer, expected } = await whileNothingChanges((all) => {
      const at = <Item>(items: readonly Item[], index: number) => items[index % Math.max(1, items.length)];
      return Promise.all(
        Array.from({ length: 4 }, (_, index) =>
          asked.query(ReadByIdDocument, {
            exportJob: `ExportJob:${at(all.exportJobs, index * 7)?.id}`,
            dataset: at(all.datasets, index)?.[0] ?? 'none',
            batch: at(all.batches, index * 5)?.[0] ?? 'none',
            schedule: at(all.schedules, index)?.id ?? 'none',
            segmentJob: at(all.segmentJobs, index * 5)?.id ?? 'none',
            segmentDefinition: at(all.segmentDefinitions, index)?.id ?? 'none',
            mergePolicy: at(all.mergePolicies, index)?.id ?? 'none',
          }),
        ),
      );
    });
    const lists = [
      expected.exportJobs,
      expected.datasets,
      expected.batches,
      expected.schedules,
      expected.segmentJobs,
      expected.segmentDefinitions,
      expected.mergePolicies,
    ];
    const byId = new Map(lists.flat().map((each) => [each.id, each]));
    const found = answer.flatMap((each) => Object.values(each)).filter((each) => each !== null);
    expect(found.length).toBeGreaterThanOrEqual(4 * 6);
    for (const each of found) expect(each).toEqual(byId.get(each.id));
  });

  const filters: readonly (readonly [SegmentJobFilter | null, SegmentJobOrder | null])[] = [
    [{ statuses: ['SUCCEEDED'] }, null],
    [{ statuses: ['NEW', 'QUEUED', 'PROCESSING', 'CANCELLING'] }, null],
    [{ statuses: ['FAILED', 'CANCELLED'] }, { field: 'CREATED_AT', direction: 'ASC' }],
    [null, { field: 'UPDATED_AT', direction: 'ASC' }],
  ];
  it.each(filters)('segment jobs with %j in the order of %j are the matching ones', async (filter, orderBy) => {
    const { answer, expected } = await whileNothingChanges(() =>
      everyNode(async (after) => (await asked.query(ReadSegmentJobsDocument, { first, after, filter, orderBy })).page),
    );
    const sign = orderBy?.direction === 'ASC' ? 1 : -1;
    const key = orderBy?.field === 'UPDATED_AT' ? 'updatedAt' : 'createdAt';
    const wanted = expected.segmentJobs
      .filter(({ status }) => filter?.statuses?.some((each) => each === status) ?? true)
      .toSorted((a, b) => sign * (Date.parse(a[key] ?? '') - Date.parse(b[key] ?? '')));
    expect(answer.map((job) => job[key])).toEqual(wanted.map((job) => job[key]));
    // The platform may return either first if both are of the same moment.
    expect(new Map(answer.map((job) => [job.id, job]))).toEqual(new Map(wanted.map((job) => [job.id, job])));
  });

  it('segment jobs and export jobs of a segment are those that name it', async () => {
    const { answer, platform: all } = await whileNothingChanges(({ segmentDefinitions }) => {
      return Promise.all(
        segmentDefinitions.slice(-3).map(async ({ id }) => {
          const filter = { segmentId: id };
          return {
            id,
            evaluated: await everyNode(
              async (after) => (await asked.query(ReadSegmentJobsDocument, { first, after, filter })).page,
            ),
            exported: await everyNode(
              async (after) => (await asked.query(ReadExportJobsDocument, { first, after, filter })).page,
            ),
          };
        }),
      );
    });
    for (const { id, evaluated, exported } of answer) {
      const names = (segments: readonly { readonly segmentId: string }[] = []) =>
        segments.some(({ segmentId }) => segmentId === id);
      expect(evaluated.map((job) => job.platformId)).toEqual(
        all.segmentJobs.filter(({ segments }) => names(segments)).map((job) => job.id),
      );
      expect(exported.map((job) => job.platformId)).toEqual(
        all.exportJobs.filter(({ filter }) => names(filter?.segments)).map((job) => String(job.id)),
      );
    }
  });

  it('people have the attributes and memberships on the platform, and an unknown person is null', async () => {
    const values = Array.from({ length: 5 }, (_, index) => `CRM-${String(index + 1).padStart(9, '0')}`);
    const { answer, expected } = await whileNothingChanges(() =>
      Promise.all(
        [...values, 'CRM-nobody'].map(async (value, index) => {
          const identity = { namespace: 'CRMID', value };
          const mergePolicyId = index % 2 === 0 ? null : '49d86bf3-f0f9-4d0e-9d2a-2f3f1c4a8d15';
          const { profile } = await asked.query(ReadProfileDocument, { identity, mergePolicyId });
          const known = await readProfile(rest, identity, mergePolicyId === null ? {} : { mergePolicyId });
          return { profile, known };
        }),
      ),
    );
    for (const { profile, known } of answer) expect(profile).toEqual(known && expected.profile(known));
    expect(answer.filter(({ known }) => known !== null).length).toBeGreaterThan(2);
    expect(answer.at(-1)).toEqual({ profile: null, known: null });
  });

  it('batches have the files of Data Access, byte by byte', async () => {
    const { batches } = await readPlatform(rest);
    let compared = 0;
    for (const [batch] of batches.slice(0, 6)) {
      const parts = (await readParts(rest, batch)) ?? [];
      const files = await everyNode(
        async (after) => (await asked.query(ReadFilesDocument, { batch, first, after })).batch?.page,
      );
      expect(files).toEqual(
        parts.map(({ fileId, name, length }) => ({
          platformId: fileId,
          name,
          sizeBytes: Number(length),
          downloadUrl: expect.stringContaining(`${gateway.url}/files/`),
          downloadUrlExpiresAt: expect.any(String),
        })),
      );
      for (const [index, part] of parts.entries()) {
        const response = await fetch(files[index]?.downloadUrl ?? '');
        expect(Buffer.from(await response.arrayBuffer()).equals(await rest.bytes(partPath(part)))).toBe(true);
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(0);
  });

  it('the caller and its sandbox are the same as on the platform', async () => {
    const { sandboxes } = await rest.get<{ sandboxes: readonly Readonly<Record<string, unknown>>[] }>(
      '/data/foundation/sandbox-management/',
    );
    const expected = sandboxes.map(({ name, title, type, state, isDefault }) => ({
      name,
      title,
      type,
      state,
      isDefault,
    }));
    expect((await asked.query(ReadViewerDocument, {})).viewer).toEqual({
      organizationId: organization,
      sandbox: expected.find(({ name }) => name === sandbox),
      sandboxes: expected,
      canWrite: true,
      authMode: 'EMBEDDED',
    });
  });
});

/** Batches of the same moment are in any order. */
const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : 1);

describe('the comparison', () => {
  const documents: readonly DocumentNode[] = [
    ReadAllBatchesDocument,
    ReadBatchesDocument,
    ReadByIdDocument,
    ReadContentsDocument,
    ReadDatasetsDocument,
    ReadEndedJobsDocument,
    ReadExportJobsDocument,
    ReadFilesDocument,
    ReadMergePoliciesDocument,
    ReadProfileDocument,
    ReadSchedulesDocument,
    ReadSegmentDefinitionsDocument,
    ReadSegmentJobsDocument,
    ReadViewerDocument,
  ];

  it('reads every field of every type that a query can reach', () => {
    const schema = printedSchema();
    const read = new Set<string>();
    for (const document of documents) {
      const info = new TypeInfo(schema);
      const enter = () =>
        void read.add(`${getNamedType(info.getParentType() ?? undefined)?.name}.${info.getFieldDef()?.name}`);
      visit(document, visitWithTypeInfo(info, { Field: { enter } }));
    }
    const reachable = new Set<string>();
    const reach = (name: string): void => {
      const type = schema.getType(name);
      if (!isObjectType(type) || isSpecifiedScalarType(type) || reachable.has(name)) return;
      reachable.add(name);
      for (const field of Object.values(type.getFields())) reach(getNamedType(field.type).name);
    };
    reach('Query');
    reachable.delete('Query');
    const fields = [...reachable].flatMap((name) => {
      const type = schema.getType(name);
      return isObjectType(type) ? Object.keys(type.getFields()).map((field) => `${name}.${field}`) : [];
    });
    // Files and batches are read through their own connections, in a batch and in a dataset.
    const advice = 'Add the field to test/e2e/operations/everything.graphql and to test/support/expected-answers.ts.';
    expect(
      fields.filter((field) => !read.has(field)),
      advice,
    ).toEqual([]);
    expect(fields.length).toBeGreaterThan(150);
  });
});
