import type { RunComparison } from '../../domain/runs/comparison.ts';
import type { ExpectationBasis, RunExpectation } from '../../domain/runs/run-index.ts';
import { builder } from '../builder.ts';
import { describedEnum } from './enum.ts';
import { NamespaceCountRef } from './job.ts';

const ExpectationBasisRef = describedEnum<ExpectationBasis>(
  'ExpectationBasis',
  'What a job has in common with the earlier runs from which its end is expected.',
  {
    SAME_SCHEDULE: 'The same schedule started the job and the earlier runs.',
    SAME_REQUEST:
      'The job and the earlier runs have the same request: segments, fields, filter, events, merge policy and destination of an export, or the segments of a segment job. The times of a filter may differ.',
    SAME_KIND: 'The job and the earlier runs are of the same type. The estimate is rough.',
  },
);

export const RunExpectationRef = builder.objectRef<RunExpectation>('RunExpectation').implement({
  description:
    'Expected end of a running job, derived from the newest 30 successful runs of the same shape: of the same schedule, else of the same request, else of the same type, whichever has at least three.',
  fields: (t) => ({
    likelyEndAt: t.expose('likelyEndAt', {
      type: 'DateTime',
      description: 'Likely end. Half of the earlier runs took no longer. It may be in the past.',
    }),
    latestEndAt: t.expose('latestEndAt', {
      type: 'DateTime',
      description: 'Latest expected end. Nine of ten runs take no longer. The job is overdue after it.',
    }),
    sampleSize: t.exposeInt('sampleSize', { description: 'Number of earlier runs, 3 to 30.' }),
    basis: t.expose('basis', {
      type: ExpectationBasisRef,
      description: 'What the job has in common with the earlier runs.',
    }),
  }),
});

export const RunComparisonRef = builder.objectRef<RunComparison>('RunComparison').implement({
  description: 'Differences between an ended job and its previous run.',
  fields: (t) => ({
    previousDurationMs: t.expose('previousDurationMs', {
      type: 'SafeInt',
      nullable: true,
      description: 'Duration of the previous run in milliseconds. Null if the platform reports no times of it.',
    }),
    durationChangeMs: t.expose('durationChangeMs', {
      type: 'SafeInt',
      nullable: true,
      description:
        'Duration minus the previous one, in milliseconds. Null if the platform reports no times of one of the runs.',
    }),
    profilesChange: t.expose('profilesChange', {
      type: 'SafeInt',
      nullable: true,
      description:
        'Number of profiles minus the previous one. Null if the platform reports no number for one of the runs.',
    }),
    profilesChangeByNamespace: t.expose('profilesChangeByNamespace', {
      type: [NamespaceCountRef],
      description:
        'Number of profiles minus the previous one, per identity namespace of either run. For a segment job, the numbers of its segments are added up. Empty if the platform reports no numbers for one of the runs.',
    }),
    segmentsAdded: t.exposeIDList('segmentsAdded', {
      description: 'The platform’s ids of segments that the previous run did not have.',
    }),
    segmentsRemoved: t.exposeIDList('segmentsRemoved', {
      description: 'The platform’s ids of segments that only the previous run had.',
    }),
  }),
});
