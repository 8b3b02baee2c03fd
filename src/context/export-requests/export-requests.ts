import { z } from 'zod';
import { type NewExportJob, segmentMembershipStatuses } from '../../domain/export-job.ts';
import { type DatasetId, type ExportJobId, type MergePolicyId, platformId, type SegmentId } from '../../domain/ids.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { UpstreamUnreachableError } from '../../errors.ts';
import { jsonOrUndefined } from '../../runtime/json-or-undefined.ts';
import type { Logger } from '../../runtime/logger.ts';

/** Requests of the export jobs that were created through this gateway. The platform’s records of jobs omit parts of them. */
export interface ExportRequests {
  /** Never rejects. A failure is logged: the job exists, and only `rerunExportJob` does not know its request. */
  save(tenant: Tenant, id: ExportJobId, request: NewExportJob): Promise<void>;
  /**
   * Null if the job was not created through this gateway, or if its request is no longer stored.
   * @throws {UpstreamUnreachableError} the store is unavailable
   */
  find(tenant: Tenant, id: ExportJobId): Promise<NewExportJob | null>;
}

/** Stores one text per job. */
export interface RequestStore {
  set(tenant: Tenant, id: ExportJobId, text: string): Promise<void>;
  /** Null if there is no text. */
  get(tenant: Tenant, id: ExportJobId): Promise<string | null>;
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
  logger,
}: {
  readonly store: RequestStore;
  readonly logger: Pick<Logger, 'warn'>;
}): ExportRequests {
  return {
    save: async (tenant, jobId, request) => {
      try {
        await store.set(tenant, jobId, JSON.stringify(request));
      } catch (err) {
        logger.warn({ err }, 'could not save the request of an export job, so that it cannot be rerun');
      }
    },
    find: async (tenant, jobId) => {
      const text = await store.get(tenant, jobId).catch((cause: unknown) => {
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
