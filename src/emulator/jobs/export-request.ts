import { z } from 'zod';
import { PlatformError, upsCodes } from '../errors.ts';
import { isJsonObject, type JsonObject } from '../json.ts';
import type { EmulatorQuirks } from '../options.ts';
import type { ReceivedExportRequest } from '../store/export-request.ts';

const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

const timestamp = z
  .string()
  .refine((text) => rfc3339.test(text) && !Number.isNaN(Date.parse(text)), 'must be an RFC 3339 timestamp')
  .transform((text) => new Date(text).toISOString());

/** Statuses of the documentation. Its prose once uses `exiting` for `exited`. */
const segmentStatus = z
  .string()
  .transform((text) => (text.toLowerCase() === 'exiting' ? 'exited' : text.toLowerCase()))
  .pipe(z.enum(['realized', 'existing', 'exited']));

const oneOrMore = <T extends z.ZodType>(item: T) =>
  z.union([item.transform((one) => [one]), z.array(item).min(1, 'must name at least one status')]);

const identifier = z.string().trim().min(1, 'must not be empty');

const segment = z.looseObject({
  segmentId: identifier,
  segmentNs: identifier.optional(),
  status: oneOrMore(segmentStatus).optional(),
});

const exportRequestBody = z.looseObject({
  fields: z.string().nullish(),
  mergePolicy: z.looseObject({ id: identifier, version: z.int().min(0).optional() }).nullish(),
  filter: z
    .looseObject({
      segments: z.array(segment).min(1, 'must name at least one segment').nullish(),
      segmentQualificationTime: z
        .looseObject({ startTime: timestamp.nullish(), endTime: timestamp.nullish() })
        .nullish(),
      fromIngestTimestamp: timestamp.nullish(),
      emptyProfiles: z.boolean().nullish(),
    })
    .nullish(),
  additionalFields: z
    .looseObject({
      eventList: z
        .looseObject({
          fields: z.string().nullish(),
          filter: z
            .looseObject({
              fromIngestTimestamp: timestamp.nullish(),
              // Name of the field in older tutorials.
              fromTimestamp: timestamp.nullish(),
              toIngestTimestamp: timestamp.nullish(),
            })
            .nullish(),
        })
        .nullish(),
    })
    .nullish(),
  destination: z
    .looseObject({
      datasetId: identifier.optional(),
      // The documented samples use both spellings.
      dataSetId: identifier.optional(),
      segmentPerBatch: z.boolean().nullish(),
    })
    .refine((destination) => (destination.datasetId ?? destination.dataSetId) !== undefined, {
      path: ['datasetId'],
      message: 'is required',
    }),
  schema: z.looseObject({ name: identifier }),
  evaluationInfo: z.looseObject({ segmentation: z.boolean().nullish() }).nullish(),
  properties: z.looseObject({ checkBatchStatusForSuccess: z.boolean().nullish() }).nullish(),
});

/**
 * Validates the body of `POST /export/jobs`.
 * @throws {PlatformError} 400 with all issues
 */
export function parseExportRequest(
  body: unknown,
  { defaultSegmentStatus }: Pick<EmulatorQuirks, 'defaultSegmentStatus'>,
): ReceivedExportRequest {
  const parsed = exportRequestBody.safeParse(body);
  if (!parsed.success) throw invalid(parsed.error.issues.map(describe).join('; '));
  const { fields, mergePolicy, filter, additionalFields, destination, schema, evaluationInfo } = parsed.data;
  const eventList = additionalFields?.eventList;
  const segmentPerBatch = destination.segmentPerBatch ?? false;
  if (segmentPerBatch && !filter?.segments) throw invalid('destination.segmentPerBatch needs filter.segments');

  return {
    request: {
      datasetId: destination.datasetId ?? destination.dataSetId ?? '',
      segmentPerBatch,
      schemaName: schema.name,
      fields: textOrNull(fields),
      mergePolicy: mergePolicy ? { id: mergePolicy.id, version: mergePolicy.version ?? null } : null,
      segments:
        filter?.segments?.map(({ segmentId, segmentNs, status }) => ({
          segmentId,
          segmentNs: segmentNs ?? 'ups',
          statuses: status ?? defaultSegmentStatus,
        })) ?? null,
      segmentQualificationTime: filter?.segmentQualificationTime
        ? {
            startTime: filter.segmentQualificationTime.startTime ?? null,
            endTime: filter.segmentQualificationTime.endTime ?? null,
          }
        : null,
      fromIngestTimestamp: filter?.fromIngestTimestamp ?? null,
      emptyProfiles: filter?.emptyProfiles ?? false,
      events: eventList
        ? {
            fields: textOrNull(eventList.fields),
            fromIngestTimestamp: eventList.filter?.fromIngestTimestamp ?? eventList.filter?.fromTimestamp ?? null,
            toIngestTimestamp: eventList.filter?.toIngestTimestamp ?? null,
          }
        : null,
      segmentation: evaluationInfo?.segmentation ?? false,
    },
    sent: isJsonObject(body)
      ? { ...member(body, 'filter'), ...member(body, 'additionalFields'), ...member(body, 'properties') }
      : {},
  };
}

/** Whether a job ends only after its batches are promoted. */
export const waitsForBatches = ({ sent }: Pick<ReceivedExportRequest, 'sent'>): boolean =>
  sent.properties?.['checkBatchStatusForSuccess'] === true;

/** Parses a comma-separated list of paths; null when it is empty, which means every field. */
export function fieldPaths(fields: string | null): readonly string[] | null {
  const paths = (fields ?? '').split(',').map((path) => path.trim());
  const named = paths.filter((path) => path !== '');
  return named.length === 0 ? null : named;
}

function textOrNull(text: string | null | undefined): string | null {
  return text === null || text === undefined || text.trim() === '' ? null : text;
}

function member(body: JsonObject, name: keyof ReceivedExportRequest['sent']): { readonly [name: string]: JsonObject } {
  const value = body[name];
  return isJsonObject(value) ? { [name]: value } : {};
}

function describe(issue: z.core.$ZodIssue): string {
  const path = issue.path.join('.') || 'body';
  return `${path}: ${issue.message}`;
}

function invalid(message: string): PlatformError {
  return new PlatformError(400, upsCodes.invalidRequest, message);
}
