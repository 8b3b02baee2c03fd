import type { SegmentJobId } from '../../domain/ids.ts';
import { awaitField } from '../common/await-field.ts';
import { SegmentJobRef } from '../common/refs.ts';

awaitField('segmentJobs', {
  typename: 'SegmentJob',
  type: SegmentJobRef,
  noun: 'a segment job',
  load: (ctx, id: SegmentJobId) => ctx.loaders.segmentJob.load(id),
});
