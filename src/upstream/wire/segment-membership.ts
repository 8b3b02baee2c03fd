import { platformId } from '../../domain/ids.ts';
import type { SegmentMembership } from '../../domain/profile.ts';
import type { DecodeContext } from './decode-context.ts';
import { readMembershipStatus } from './membership-status.ts';
import { asRecord, readText, type WireRecord } from './readers.ts';
import { readTime } from './time.ts';

/** The value of a field, whose name has a prefix in some documents. */
const field = (record: WireRecord | null, name: string): unknown => record?.[name] ?? record?.[`xdm:${name}`];

/**
 * The memberships in a profile: `segmentMembership`, a map from namespace to a map from segment id to membership. The
 * keys may be any strings. `timestamp` is another name of `lastQualificationTime`.
 * @param entity the XDM object of the profile
 */
export function decodeSegmentMemberships(entity: WireRecord, context: DecodeContext): readonly SegmentMembership[] {
  const byNamespace = asRecord(field(entity, 'segmentMembership')) ?? {};
  return Object.entries(byNamespace).flatMap(([namespace, bySegment]) =>
    Object.entries(asRecord(bySegment) ?? {}).flatMap(([segmentId, value]): SegmentMembership | SegmentMembership[] => {
      const membership = asRecord(value);
      if (membership === null) {
        context.anomaly('not-an-object');
        return [];
      }
      const status = readText(field(membership, 'status'));
      if (status === null) context.anomaly('missing-status');
      return {
        namespace,
        segmentId: platformId(segmentId),
        status: status === null ? 'UNKNOWN' : readMembershipStatus(status, context),
        lastQualificationTime:
          readTime(field(membership, 'lastQualificationTime'), context) ??
          readTime(field(membership, 'timestamp'), context),
      };
    }),
  );
}
