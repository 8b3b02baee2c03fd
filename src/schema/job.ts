import type { SegmentMembershipStatus } from '../domain/export-job.ts';
import type { JobError, NamespaceCount, TimeSpan } from '../domain/job.ts';
import { builder } from './builder.ts';
import { describedEnum } from './enum.ts';
import { operational } from './federation-directives.ts';

/** Common types of export jobs, segment jobs and batches. */

export const JobErrorRef = builder.objectRef<JobError>('JobError').implement({
  description: 'An error that the platform reports of a job or a batch. A job that succeeded may have some.',
  fields: (t) => ({
    code: t.exposeString('code', { description: 'The platform’s own code; empty if it reports plain text.' }),
    message: t.exposeString('message', { description: 'The platform’s own words.' }),
    callStack: t.exposeString('callStack', {
      extensions: operational,
      nullable: true,
      description: 'Where in the platform, when it tells.',
    }),
    recordCount: t.expose('recordCount', {
      type: 'SafeInt',
      nullable: true,
      description: 'Number of rows with this error. Null if the platform does not report it.',
    }),
  }),
});

export const TimeSpanRef = builder.objectRef<TimeSpan>('TimeSpan').implement({
  description: 'When a stage began and ended.',
  fields: (t) => ({
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true, description: 'Null before it began.' }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true, description: 'Null while it goes on.' }),
    durationMs: t.expose('durationMs', {
      type: 'SafeInt',
      nullable: true,
      description: 'Milliseconds, once it ended.',
    }),
  }),
});

export const NamespaceCountRef = builder.objectRef<NamespaceCount>('NamespaceCount').implement({
  description: 'How many profiles have an identity in a namespace.',
  fields: (t) => ({
    namespace: t.exposeString('namespace', { description: 'Identity namespace: `ECID`, `Email`, …' }),
    count: t.expose('count', { type: 'SafeInt', description: 'Number of profiles.' }),
  }),
});

export const SegmentMembershipStatusRef = describedEnum<SegmentMembershipStatus>(
  'SegmentMembershipStatus',
  'How a profile stands to a segment.',
  {
    REALIZED: 'Entered the segment, or is in it.',
    EXISTING: 'Was in the segment before and still is. Newer platform versions say REALIZED instead.',
    EXITED: 'Left the segment.',
    UNKNOWN: 'A status that the gateway does not know.',
  },
);
