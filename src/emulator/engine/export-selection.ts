/** What an export takes from the population of a sandbox. All conditions hold together. */
export interface ExportSelection {
  readonly sandbox: string;
  /** Dotted XDM paths; an object's path selects all of it, paths the schema does not have are skipped; null = every field. */
  readonly fields: readonly string[] | null;
  /** null = the sandbox's default policy. */
  readonly mergePolicyId: string | null;
  /** Members of any of these segments in any of its statuses; namespaces are compared without case; null = all profiles. */
  readonly segments: readonly SegmentSelection[] | null;
  /**
   * Start inclusive, end exclusive, on `lastQualificationTime` of the membership by which `segments` selects the
   * profile; without `segments`, of any membership.
   */
  readonly segmentQualificationTime: { readonly startTime: Date | null; readonly endTime: Date | null } | null;
  /** Profiles whose latest fragment was updated strictly later; for a profile without record, its latest event ingested. */
  readonly fromIngestTimestamp: Date | null;
  /** Also people of whom there are events but no profile record. */
  readonly emptyProfiles: boolean;
  /** null = no events. */
  readonly events: EventSelection | null;
}

export interface SegmentSelection {
  readonly segmentId: string;
  readonly segmentNs: string;
  readonly statuses: readonly string[];
}

export interface EventSelection {
  /** As `fields` of the profile, for events; null = every event field. */
  readonly fields: readonly string[] | null;
  /** Events ingested strictly after it; null = unbounded. It is not the time at which the event happened. */
  readonly fromIngestTimestamp: Date | null;
  /** Events ingested strictly before it; null = unbounded. */
  readonly toIngestTimestamp: Date | null;
}

export type ExportSelectionErrorCode = 'UNKNOWN_MERGE_POLICY' | 'UNKNOWN_FIELDS';

/** Thrown when a selection names a merge policy that does not exist, or fields of which none exists. */
export class ExportSelectionError extends Error {
  override readonly name = 'ExportSelectionError';
  readonly code: ExportSelectionErrorCode;

  constructor(code: ExportSelectionErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
