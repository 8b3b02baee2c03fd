/** Selects the content of an export from the population of a sandbox. All conditions must hold. */
export interface ExportSelection {
  readonly sandbox: string;
  /**
   * Dotted XDM paths; null = every field. The path of an object selects all of it. Paths that the schema does not have
   * are ignored.
   */
  readonly fields: readonly string[] | null;
  /** Merge policy id; null = the sandbox's default policy. */
  readonly mergePolicyId: string | null;
  /**
   * Members of any of these segments with any of its statuses; null = all profiles. Namespaces are compared without
   * case.
   */
  readonly segments: readonly SegmentSelection[] | null;
  /**
   * Start inclusive, end exclusive. Applies to `lastQualificationTime` of the membership through which `segments`
   * selects the profile; without `segments`, to any membership.
   */
  readonly segmentQualificationTime: { readonly startTime: Date | null; readonly endTime: Date | null } | null;
  /**
   * Profiles whose latest fragment was updated strictly after this time; for a profile without a record, whose latest
   * event was ingested after it.
   */
  readonly fromIngestTimestamp: Date | null;
  /** Whether to include people who have events but no profile record. */
  readonly emptyProfiles: boolean;
  /** Selection of events; null = no events. */
  readonly events: EventSelection | null;
}

export interface SegmentSelection {
  readonly segmentId: string;
  readonly segmentNs: string;
  readonly statuses: readonly string[];
}

export interface EventSelection {
  /** Dotted XDM paths of events, as in `fields` of the profile; null = every event field. */
  readonly fields: readonly string[] | null;
  /**
   * Selects events ingested strictly after this time; null = unbounded. This is not the time at which the event
   * happened.
   */
  readonly fromIngestTimestamp: Date | null;
  /** Selects events ingested strictly before this time; null = unbounded. */
  readonly toIngestTimestamp: Date | null;
}

export type ExportSelectionErrorCode = 'UNKNOWN_MERGE_POLICY' | 'UNKNOWN_FIELDS';

/** Thrown when a selection names an unknown merge policy, or when none of its fields exists. */
export class ExportSelectionError extends Error {
  override readonly name = 'ExportSelectionError';
  readonly code: ExportSelectionErrorCode;

  constructor(code: ExportSelectionErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
