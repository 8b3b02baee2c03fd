import { z } from 'zod';
import type { GatewayContext } from '../../context/context.ts';
import type { NewExportJob } from '../../domain/export-job.ts';
import { requestOf } from '../../domain/export-request.ts';
import { type ExportJobId, platformId } from '../../domain/ids.ts';
import { InvalidInputError, NotFoundError } from '../../errors.ts';
import { builder } from '../builder.ts';
import { writes } from '../common/audit.ts';
import { idInput } from '../common/global-id.ts';
import { createIdempotently, idempotencyKeyInput } from '../common/idempotency.ts';
import { parseInput } from '../common/input.ts';
import { CreateExportJobResult, checkExport, type StartContext, startExport, withPath } from './start.ts';

const rerunArgs = z.object({ id: idInput<ExportJobId>('ExportJob'), idempotencyKey: idempotencyKeyInput });

builder.mutationField('rerunExportJob', (t) =>
  t.field({
    extensions: { ...writes('ExportJob', 'create'), upstreamCalls: 'each', readsOf: { Dataset: ['schemaRef'] } },
    type: CreateExportJobResult,
    nullable: true,
    description: [
      'Sends the request of an export job again, as a new job into the same dataset. The gateway stores the requests of the jobs that it',
      'creates, for 30 days with Redis, else for as long as it runs. Of any other job it knows what the platform returns; if the platform',
      'omits a part of the request, the result is an InvalidInputError that names each omitted part by its path in',
      '`CreateExportJobInput`, and nothing is created. The dataset, the merge policy and the segments are checked as by `createExportJob`.',
    ].join('\n'),
    args: {
      id: t.arg.id({ required: true, description: 'Global id or platform id of the job whose request is sent again.' }),
      idempotencyKey: t.arg.string({
        description:
          'Makes the request safe to repeat: for 24 hours, the same key with the same id returns the first new job and creates nothing. At most 200 characters.',
      }),
    },
    resolve: (_, args, ctx) => {
      const { id, idempotencyKey } = parseInput(rerunArgs, args);
      return createIdempotently(ctx, {
        operation: 'rerunExportJob',
        entity: 'ExportJob',
        key: idempotencyKey,
        input: { id },
        create: async (starting) => {
          const request = await knownRequest(ctx, id);
          const { datasetId, filter, mergePolicy } = request;
          await checkExport(ctx, { datasetId, segments: filter?.segments ?? [], mergePolicy }, '');
          await starting();
          return await startExport(ctx, request).catch((error: unknown) => {
            throw error instanceof InvalidInputError ? withPath(error, 'input.', '') : error;
          });
        },
        find: (created) => ctx.loaders.exportJob.load(platformId<ExportJobId>(created)),
      });
    },
  }),
);

/**
 * The request that created a job. The job is read in any case, so that a caller who may not read it cannot rerun it.
 * @throws {NotFoundError} the platform has no such job
 * @throws {InvalidInputError} the record of the job omits parts of the request, which the gateway does not know either
 */
async function knownRequest(
  { writes, exportRequests }: Pick<GatewayContext, 'writes'> & StartContext,
  id: ExportJobId,
): Promise<NewExportJob> {
  const job = await writes.exportJobs.getReported(id);
  if (job === null) throw new NotFoundError(id, { message: `There is no export job ${id}.` });
  const stored = await exportRequests.find(id);
  if (stored !== null) return stored;
  const issues = [...job.omits].map((path) => ({
    path,
    message: 'is omitted by the platform, so that the request is not known. Use createExportJob.',
  }));
  if (issues.length > 0) throw new InvalidInputError(issues);
  return requestOf(job);
}
