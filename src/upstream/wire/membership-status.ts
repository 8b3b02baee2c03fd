import type { SegmentMembershipStatus } from '../../domain/export-job.ts';
import { segmentMembershipStatuses } from '../../domain/export-job.ts';
import type { DecodeContext } from './decode-context.ts';
import { readStatus } from './status.ts';

/** The prose of the documentation contains `exiting`, and its samples contain `exited`. */
const aliases = { EXITING: 'EXITED' } as const;

/** Membership status of a person in a segment, in the gateway's vocabulary. */
export const readMembershipStatus = (raw: string, context: DecodeContext): SegmentMembershipStatus =>
  readStatus(raw, segmentMembershipStatuses, context, aliases);

/** The platform's word for a membership status; null if it has no word for it. */
export function encodeMembershipStatus(status: SegmentMembershipStatus): string | null {
  switch (status) {
    case 'REALIZED':
      return 'realized';
    case 'EXISTING':
      return 'existing';
    case 'EXITED':
      return 'exited';
    case 'UNKNOWN':
      return null;
  }
}
