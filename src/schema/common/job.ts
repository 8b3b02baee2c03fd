import type { SegmentMembershipStatus } from '../../domain/export-job.ts';
import type { JobError, NamespaceCount, TimeSpan } from '../../domain/job.ts';
import { builder } from '../builder.ts';
import { operational } from '../federation/directives.ts';
import { describedEnum } from './enum.ts';

/** Common types of export jobs, segment jobs and batches. */

export const JobErrorRef = builder.objectRef<JobError>('JobError').implement({
  description: 'An error that the platform reports for a job or a batch. A job that succeeded can have errors too.',
  fields: (t) => ({
    code: t.exposeString('code', {
      description: 'Error code of the platform. Empty if the platform reports plain text.',
    }),
    message: t.exposeString('message', { description: 'Error message of the platform.' }),
    callStack: t.exposeString('callStack', {
      extensions: operational,
      nullable: true,
      description: 'Call stack within the platform. Null if the platform does not report it.',
    }),
    recordCount: t.expose('recordCount', {
      type: 'SafeInt',
      nullable: true,
      description: 'Number of rows with this error. Null if the platform does not report it.',
    }),
  }),
});

export const TimeSpanRef = builder.objectRef<TimeSpan>('TimeSpan').implement({
  description: 'Start and end of a stage.',
  fields: (t) => ({
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Time of the start. Null before the start.',
    }),
    endedAt: t.expose('endedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Time of the end. Null before the end.',
    }),
    durationMs: t.expose('durationMs', {
      type: 'SafeInt',
      nullable: true,
      description: 'Duration in milliseconds. Null before the end.',
    }),
  }),
});

export const NamespaceCountRef = builder.objectRef<NamespaceCount>('NamespaceCount').implement({
  description: 'Number of profiles that have an identity in a namespace.',
  fields: (t) => ({
    namespace: t.exposeString('namespace', {
      description: 'Code of the identity namespace, for example `ECID` or `Email`.',
    }),
    count: t.expose('count', { type: 'SafeInt', description: 'Number of profiles.' }),
  }),
});

export const SegmentMembershipStatusRef = describedEnum<SegmentMembershipStatus>(
  'SegmentMembershipStatus',
  'Membership status of a profile in a segment.',
  {
    REALIZED: 'The profile entered the segment, or is in it.',
    EXISTING: 'The profile was in the segment before and still is. Newer platform versions return REALIZED instead.',
    EXITED: 'The profile left the segment.',
    UNKNOWN: 'A status that the gateway does not know.',
  },
);

/** Description of the field `requestedBy`. */
export const requestedByDescription =
  'Name of the caller who created the job through this gateway: the subject of its token, else the client; a digest if the name is personal data, or if the caller sent a credential of the platform. Null if the job was created in another way, if the name is no longer stored (30 days with Redis, else until the gateway ends), or while Redis is not reachable.';
