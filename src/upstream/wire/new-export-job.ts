import type { NewExportFilter, NewExportJob, SegmentSelection } from '../../domain/export-job.ts';
import { encodeMembershipStatus } from './membership-status.ts';

/** The request body that creates an export job. Null values are omitted, so that the platform's default applies. */
export function encodeNewExportJob(job: NewExportJob): object {
  const { fields, mergePolicy, filter, eventList, evaluateSegments, waitForBatch } = job;
  return {
    ...(fields === null ? {} : { fields: fields.join(',') }),
    ...(mergePolicy === null ? {} : { mergePolicy: withoutNulls(mergePolicy) }),
    ...(filter === null ? {} : { filter: encodeFilter(filter) }),
    ...(eventList === null
      ? {}
      : {
          additionalFields: {
            eventList: {
              ...(eventList.fields === null ? {} : { fields: eventList.fields.join(',') }),
              ...encodeEventFilter(eventList.fromIngestTimestamp, eventList.toIngestTimestamp),
            },
          },
        }),
    destination: { datasetId: job.datasetId, segmentPerBatch: job.segmentPerBatch },
    schema: { name: job.schemaName },
    ...(evaluateSegments ? { evaluationInfo: { segmentation: true } } : {}),
    ...(waitForBatch ? { properties: { checkBatchStatusForSuccess: true } } : {}),
  };
}

function encodeFilter({ segments, segmentQualificationTime, fromIngestTimestamp, emptyProfiles }: NewExportFilter) {
  return {
    ...(segments === null ? {} : { segments: segments.map(encodeSegment) }),
    ...(segmentQualificationTime === null ? {} : { segmentQualificationTime: withoutNulls(segmentQualificationTime) }),
    ...(fromIngestTimestamp === null ? {} : { fromIngestTimestamp }),
    emptyProfiles,
  };
}

function encodeSegment({ segmentId, segmentNs, statuses }: SegmentSelection) {
  const status = statuses.flatMap((name) => encodeMembershipStatus(name) ?? []);
  return { segmentId, segmentNs, ...(status.length === 0 ? {} : { status }) };
}

function encodeEventFilter(fromIngestTimestamp: Date | null, toIngestTimestamp: Date | null) {
  if (fromIngestTimestamp === null && toIngestTimestamp === null) return {};
  return { filter: withoutNulls({ fromIngestTimestamp, toIngestTimestamp }) };
}

const withoutNulls = (value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== null));
