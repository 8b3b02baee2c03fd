import { describe, expect, it, vi } from 'vitest';
import type { GatewayContext } from '../../../../src/context/context.ts';
import { type Dataset, unionProfileSchema } from '../../../../src/domain/dataset.ts';
import { platformId, type SegmentId } from '../../../../src/domain/ids.ts';
import {
  ForbiddenError,
  GatewayCredentialError,
  InvalidInputError,
  PlatformError,
  TokenExpiredError,
  UnauthenticatedError,
  UpstreamTimeoutError,
} from '../../../../src/errors.ts';
import {
  datasetCheck,
  mergePolicyCheck,
  namedSegments,
  runChecks,
  segmentsCheck,
} from '../../../../src/schema/common/create-checks.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

type Load = (id: string) => Promise<unknown>;
const exists: Load = async (id) => ({ id, schemaRef: { id: unionProfileSchema, contentType: null } });

/** Creates a context whose loaders of the three kinds read with one function. */
function contextOf(load: Load) {
  const loader = { load, prime: () => {} };
  const clock = new FakeClock();
  const loaders = { dataset: loader, segmentDefinition: loader, mergePolicy: loader };
  // The cast is safe, because the checks use only these three loaders.
  return { clock, loaders: loaders as unknown as GatewayContext['loaders'] };
}

const segmentIds = (count: number) => Array.from({ length: count }, (_, each) => platformId<SegmentId>(`s-${each}`));

/** Runs one check of each kind. */
const check = (ctx: ReturnType<typeof contextOf>) =>
  runChecks(ctx, [
    datasetCheck(ctx, platformId('d'), 'dataset'),
    segmentsCheck(ctx, namedSegments(segmentIds(2))),
    mergePolicyCheck(ctx, platformId('p'), 'policy'),
  ]);

const issuesOf = async (checked: Promise<void>) => {
  const error = await checked.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof InvalidInputError)) throw new Error('The checks found nothing.', { cause: error });
  return error.issues.map(({ path, message }) => `${path}: ${message}`);
};

describe('checks before a create', () => {
  it('pass if everything exists', async () => {
    const ctx = contextOf(exists);
    await check(ctx);
    expect(ctx.clock.pending('deadline')).toBe(0);
  });

  it('report everything that is missing, each with its path', async () => {
    expect(await issuesOf(check(contextOf(async () => null)))).toEqual([
      'dataset: is not a dataset of this sandbox',
      'input.segmentIds.0: is not a segment of this sandbox',
      'input.segmentIds.1: is not a segment of this sandbox',
      'policy: is not a merge policy of this sandbox',
    ]);
  });

  it('report each missing entry of a list, even if it occurs twice', async () => {
    const ctx = contextOf(async (id) => (id === 's-1' ? null : exists(id)));
    const ids = [...segmentIds(3), platformId<SegmentId>('s-1')];
    expect(await issuesOf(runChecks(ctx, [segmentsCheck(ctx, namedSegments(ids))]))).toEqual([
      'input.segmentIds.1: is not a segment of this sandbox',
      'input.segmentIds.3: is not a segment of this sandbox',
    ]);
  });

  it.each<[string, Partial<Dataset>, readonly string[]]>([
    [
      'another schema',
      { schemaRef: { id: 'https://other.example', contentType: null } },
      ['dataset: is not a dataset on the union profile schema'],
    ],
    ['a schema that Catalog omits', { schemaRef: null }, []],
  ])('of a dataset with %s find %j', async (_, dataset, expected) => {
    const ctx = contextOf(async (id) => ({ id, ...dataset }));
    const checked = runChecks(ctx, [datasetCheck(ctx, platformId('d'), 'dataset')]);
    if (expected.length === 0) await checked;
    else expect(await issuesOf(checked)).toEqual(expected);
  });

  it.each([
    ['no permission', new ForbiddenError({ message: 'no' })],
    ['a failing platform', new PlatformError({ message: 'broken', status: 500 })],
    ['a silent platform', new UpstreamTimeoutError({ message: 'late' })],
  ])('do not stop the create for %s', async (_, error) => {
    await check(contextOf(() => Promise.reject(error)));
  });

  it('report what is missing although another check cannot be executed', async () => {
    const ctx = contextOf((id) =>
      id === 'd' ? Promise.reject(new ForbiddenError({ message: 'no' })) : Promise.resolve(null),
    );
    expect(await issuesOf(check(ctx))).toHaveLength(3);
  });

  it.each([
    ['the platform rejects the credential', new UnauthenticatedError({ message: 'no' })],
    ['the platform rejects the credential of the gateway', new GatewayCredentialError({ message: 'no' })],
    ['the token has expired', new TokenExpiredError({ message: 'late' })],
    ['the caller has left', new Error('left')],
  ])('stop the create if %s', async (_, error) => {
    await expect(check(contextOf(() => Promise.reject(error)))).rejects.toBe(error);
  });

  it('stop after five seconds without a result', async () => {
    const ctx = contextOf(() => new Promise(() => {}));
    let ended = false;
    const checked = check(ctx).finally(() => {
      ended = true;
    });
    await ctx.clock.advanceBy(4_999);
    expect(ended).toBe(false);
    await ctx.clock.advanceBy(1);
    await checked;
  });

  it('read the first 100 segments, each once, and none for *', async () => {
    const load = vi.fn(exists);
    const ctx = contextOf(load);
    const ids = segmentIds(101);
    await runChecks(ctx, [segmentsCheck(ctx, namedSegments([...ids.slice(0, 3), ...ids]))]);
    expect(load.mock.calls.map(([id]) => id)).toEqual(ids.slice(0, 100));
    load.mockClear();
    await runChecks(ctx, [segmentsCheck(ctx, namedSegments([platformId('*')]))]);
    expect(load).not.toHaveBeenCalled();
  });
});
