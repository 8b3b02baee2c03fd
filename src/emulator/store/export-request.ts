import type { JsonObject } from '../json.ts';

/** Selects members of a segment for an export. */
export interface SegmentFilter {
  readonly segmentId: string;
  /** Namespace as sent; compared without case. */
  readonly segmentNs: string;
  readonly statuses: readonly string[];
}

/**
 * A validated request for an export job. Times are ISO 8601 text in UTC. null means that the client left the value out.
 */
export interface ExportRequest {
  readonly datasetId: string;
  readonly segmentPerBatch: boolean;
  readonly schemaName: string;
  /** Comma-separated paths as sent; null = every field. */
  readonly fields: string | null;
  readonly mergePolicy: { readonly id: string; readonly version: number | null } | null;
  readonly segments: readonly SegmentFilter[] | null;
  readonly segmentQualificationTime: { readonly startTime: string | null; readonly endTime: string | null } | null;
  readonly fromIngestTimestamp: string | null;
  readonly emptyProfiles: boolean;
  readonly events: {
    readonly fields: string | null;
    readonly fromIngestTimestamp: string | null;
    readonly toIngestTimestamp: string | null;
  } | null;
  /** Whether segments are evaluated before profiles are selected. */
  readonly segmentation: boolean;
}

/** A validated request, together with the values that are returned exactly as the client sent them. */
export interface ReceivedExportRequest {
  readonly request: ExportRequest;
  readonly sent: {
    readonly filter?: JsonObject;
    readonly additionalFields?: JsonObject;
    readonly properties?: JsonObject;
  };
}
