import type { SegmentMembershipStatus } from './export-job.ts';
import type { MergePolicyId, SegmentId } from './ids.ts';

/** A profile to look up. All identities of one lookup share fields and merge policy. */
export interface ProfileQuery {
  readonly namespace: string;
  readonly value: string;
  /** Dotted XDM paths; null: every field. */
  readonly fields: readonly string[] | null;
  /** Null: the platform's default. */
  readonly mergePolicyId: MergePolicyId | null;
}

/** A person's merged profile. */
export interface Profile {
  readonly entityId: string;
  /** The XDM object as returned by the platform. */
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly segmentMemberships: readonly SegmentMembership[];
  readonly lastModifiedAt: Date | null;
}

export interface SegmentMembership {
  readonly namespace: string;
  readonly segmentId: SegmentId;
  readonly status: SegmentMembershipStatus;
  readonly lastQualificationTime: Date | null;
}
