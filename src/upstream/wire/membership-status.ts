import type { SegmentMembershipStatus } from '../../domain/export-job.ts';
import { segmentMembershipStatuses } from '../../domain/export-job.ts';
import type { DecodeContext } from './decode-context.ts';
import { readStatus } from './status.ts';

/** The documentation's prose says `exiting` where its samples say `exited`. */
const aliases = { EXITING: 'EXITED' } as const;

/** How a person stands to a segment, in the gateway's vocabulary. */
export const readMembershipStatus = (raw: string, context: DecodeContext): SegmentMembershipStatus =>
  readStatus(raw, segmentMembershipStatuses, context, aliases);

/** The platform's word for a membership status; null for one that it has no word for. */
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
