import type { GatewayContext } from '../../context/context.ts';
import type { ExportJob, NewExportJob, SegmentSelection } from '../../domain/export-job.ts';
import type { DatasetId } from '../../domain/ids.ts';
import { isPlatformNamespace } from '../../domain/segment-definition.ts';
import { ConflictError, InvalidInputError, NotFoundError } from '../../errors.ts';
import { builder, resultDescription } from '../builder.ts';
import { datasetCheck, mergePolicyCheck, runChecks, segmentsCheck } from '../common/create-checks.ts';
import { mutationErrors } from '../common/errors.ts';
import { ExportJobRef } from '../common/refs.ts';

const CreateExportJobPayload = builder
  .objectRef<{ readonly created: ExportJob; readonly replayed: boolean }>('CreateExportJobPayload')
  .implement({
    description: 'The export job was accepted. Watch it with `exportJobChanged`.',
    fields: (t) => ({
      exportJob: t.expose('created', { type: ExportJobRef, description: 'The created job.' }),
      replayed: t.exposeBoolean('replayed', {
        description:
          'True if an earlier request with the same idempotency key created this job, so that this request created nothing.',
      }),
    }),
  });

/** The result of the mutations that start an export. */
export const CreateExportJobResult = builder.errorUnion('CreateExportJobResult', {
  description: resultDescription,
  types: [CreateExportJobPayload, ...mutationErrors(NotFoundError, ConflictError).types],
  // The plugin resolves the errors.
  resolveType: () => 'CreateExportJobPayload',
});

export type StartContext = Pick<
  GatewayContext,
  'writes' | 'loaders' | 'watch' | 'clock' | 'exportRequests' | 'saveRequester'
>;

/**
 * Creates an export job, and stores its request for `rerunExportJob`, and its caller.
 * @throws {InvalidInputError} the platform rejected an argument. Its paths begin with `input.`.
 * @throws {OutcomeUnknownError} no conclusive response arrived
 */
export async function startExport(ctx: StartContext, request: NewExportJob): Promise<ExportJob> {
  const created = await ctx.writes.exportJobs.create(request);
  // Before a subscription can emit the job.
  await Promise.all([
    ctx.exportRequests.save(created.id, request),
    ctx.saveRequester({ type: 'ExportJob', id: created.id }),
  ]);
  ctx.watch('exportJobs').nudge();
  ctx.loaders.exportJob.prime(created);
  return created;
}

/** The parts of an export that name entities of the platform. */
interface NamedEntities extends Pick<NewExportJob, 'mergePolicy'> {
  /** Null: the dataset does not exist yet. */
  readonly datasetId: DatasetId | null;
  readonly segments: readonly Pick<SegmentSelection, 'segmentId' | 'segmentNs'>[];
}

/**
 * Checks that dataset, merge policy and the first 100 segments exist. Each check is one call to the platform.
 * @param prefix text in front of the paths of issues: `input.` or nothing
 * @throws {InvalidInputError} at least one of them does not exist, or cannot be the target of an export
 */
export async function checkExport(
  ctx: StartContext,
  { datasetId, segments, mergePolicy }: NamedEntities,
  prefix: string,
): Promise<void> {
  const named = segments
    .map(({ segmentId, segmentNs }, index) => ({
      id: segmentId,
      segmentNs,
      path: `${prefix}filter.segments.${index}.segmentId`,
    }))
    // Other systems own the segments of other namespaces.
    .filter(({ segmentNs }) => isPlatformNamespace(segmentNs));
  await runChecks(ctx, [
    ...(datasetId === null ? [] : [datasetCheck(ctx, datasetId, `${prefix}destination.target.datasetId`)]),
    ...(named.length === 0 ? [] : [segmentsCheck(ctx, named)]),
    ...(mergePolicy === null ? [] : [mergePolicyCheck(ctx, mergePolicy.id, `${prefix}mergePolicy.id`)]),
  ]);
}

/** The same error with the path of the argument in another mutation. */
export function withPath(
  { issues, message, upstream }: InvalidInputError,
  from: string,
  to: string,
): InvalidInputError {
  const moved = issues.map((issue) =>
    issue.path.startsWith(from) ? { ...issue, path: to + issue.path.slice(from.length) } : issue,
  );
  return new InvalidInputError(moved, upstream === null ? {} : { message, upstream });
}
