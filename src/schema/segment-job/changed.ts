import { matchesSegmentJobFilter } from '../../domain/segment-job.ts';
import { SegmentJobRef } from '../common/refs.ts';
import { watchField } from '../common/watch-field.ts';
import { parseSegmentJobFilter, SegmentJobFilterInput, SegmentJobStatusRef } from './type.ts';

watchField('segmentJobs', {
  typename: 'SegmentJob',
  type: SegmentJobRef,
  member: 'job',
  noun: 'a segment job',
  plural: 'jobs',
  description:
    'Emits the current state (one SNAPSHOT event per job), then every change in order, as `exportJobChanged` does for export jobs.',
  status: { type: SegmentJobStatusRef, of: ({ status }) => status },
  filter: {
    type: SegmentJobFilterInput,
    parse: (input) => {
      const filter = parseSegmentJobFilter(input);
      return filter === null ? null : (job) => matchesSegmentJobFilter(job, filter);
    },
  },
  ended: 'argument',
});
