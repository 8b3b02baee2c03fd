import { z } from 'zod';
import { type NewExportJob, segmentMembershipStatuses } from '../../domain/export-job.ts';
import { type DatasetId, type ExportJobId, type MergePolicyId, platformId, type SegmentId } from '../../domain/ids.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { UpstreamUnreachableError } from '../../errors.ts';
import { jsonOrUndefined } from '../../runtime/json-or-undefined.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { JobTexts } from './store.ts';

/** Requests of the export jobs that were created through this gateway. The platform’s records of jobs omit parts of them. */
export interface ExportRequests {
  /**
   * Never rejects. A failure is logged: the job exists, and only `rerunExportJob` does not know its request.
   * @param logger of the caller's request. @default the logger of the gateway
   */
  save(tenant: Tenant, id: ExportJobId, request: NewExportJob, logger?: Pick<Logger, 'warn'>): Promise<void>;
  /**
   * Null if the job was not created through this gateway, or if its request is no longer stored.
   * @param logger of the caller's request. @default the logger of the gateway
   * @throws {UpstreamUnreachableError} the store is unavailable
   */
  find(tenant: Tenant, id: ExportJobId, logger?: Pick<Logger, 'warn'>): Promise<NewExportJob | null>;
}

const date = z.iso.datetime().transform((text) => new Date(text));
const id = <Id extends ReturnType<typeof platformId>>() => z.string().transform((text) => platformId<Id>(text));

/** A stored request. Other versions of the gateway may have written it. */
const storedRequest: z.ZodType<NewExportJob> = z.object({
  fields: z.array(z.string()).nullable(),
  schemaName: z.string(),
  mergePolicy: z.object({ id: id<MergePolicyId>(), version: z.number().nullable() }).nullable(),
  filter: z
    .object({
      segments: z
        .array(
          z.object({
            segmentId: id<SegmentId>(),
            segmentNs: z.string(),
            statuses: z.array(z.enum(segmentMembershipStatuses)),
          }),
        )
        .nullable(),
      segmentQualificationTime: z.object({ startTime: date.nullable(), endTime: date.nullable() }).nullable(),
      fromIngestTimestamp: date.nullable(),
      emptyProfiles: z.boolean(),
    })
    .nullable(),
  eventList: z
    .object({
      fields: z.array(z.string()).nullable(),
      fromIngestTimestamp: date.nullable(),
      toIngestTimestamp: date.nullable(),
    })
    .nullable(),
  datasetId: id<DatasetId>(),
  segmentPerBatch: z.boolean(),
  evaluateSegments: z.boolean(),
  waitForBatch: z.boolean(),
});

export function createExportRequests({
  store,
  logger: own,
}: {
  readonly store: JobTexts;
  readonly logger: Pick<Logger, 'warn'>;
}): ExportRequests {
  return {
    save: async (tenant, jobId, request, logger = own) => {
      try {
        await store.set(tenant, jobId, JSON.stringify(request));
      } catch (err) {
        logger.warn({ err }, 'could not save the request of an export job, so that it cannot be rerun');
      }
    },
    find: async (tenant, jobId, logger = own) => {
      const [text = null] = await store.getMany(tenant, [jobId]).catch((cause: unknown) => {
        const message = 'The requests of earlier jobs cannot be read at this moment. Nothing was created.';
        throw new UpstreamUnreachableError({ message, cause });
      });
      if (text === null) return null;
      const { success, data } = storedRequest.safeParse(jsonOrUndefined(text));
      if (success) return data;
      logger.warn('a stored request of an export job cannot be decoded, and is ignored');
      return null;
    },
  };
}
