import type { SegmentMembershipStatus } from './export-job.ts';
import type { MergePolicyId, SegmentId } from './ids.ts';

/** Whom to look up, and what of them: all identities of one lookup share fields and merge policy. */
export interface ProfileQuery {
  readonly namespace: string;
  readonly value: string;
  /** Dotted XDM paths; null means every field. */
  readonly fields: readonly string[] | null;
  /** Null means the platform's default. */
  readonly mergePolicyId: MergePolicyId | null;
}

/** A person's merged profile. */
export interface Profile {
  readonly entityId: string;
  /** The XDM object as the platform gives it. */
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
