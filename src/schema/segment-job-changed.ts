import type { SegmentJobId } from '../domain/ids.ts';
import type { SegmentJob } from '../domain/segment-job.ts';
import { matchesSegmentJobFilter } from '../domain/segment-job-filter.ts';
import type { WatchEvent } from '../events/watch.ts';
import { builder } from './builder.ts';
import { parseInput } from './input.ts';
import { SegmentJobRef } from './refs.ts';
import { parseSegmentJobFilter, SegmentJobFilterInput, SegmentJobStatusRef } from './segment-job.ts';
import { endedWithinDescription, endedWithinInput, WatchEventInterface, watchInput } from './watch.ts';

const SegmentJobEvent = builder.objectRef<WatchEvent<SegmentJob>>('SegmentJobEvent').implement({
  description: 'A change of a segment job, or of the subscription as a whole.',
  interfaces: [WatchEventInterface],
  fields: (t) => ({
    previousStatus: t.field({
      type: SegmentJobStatusRef,
      nullable: true,
      description: 'Status before the change; null where there was none.',
      resolve: ({ previous }) => previous?.status ?? null,
    }),
    job: t.expose('entity', {
      type: SegmentJobRef,
      nullable: true,
      description: 'Null on STALE, RECOVERED and RESYNC.',
    }),
  }),
});

const watchArgs = watchInput<SegmentJobId>('SegmentJob').extend({ endedWithinSeconds: endedWithinInput });

builder.subscriptionField('segmentJobChanged', (t) =>
  t.field({
    extensions: { upstreamCalls: 'each' },
    type: SegmentJobEvent,
    description: 'Like `exportJobChanged`, for segment jobs.',
    args: {
      ids: t.arg.idList({ description: 'Only these jobs, global or platform ids.' }),
      filter: t.arg({ type: SegmentJobFilterInput, description: 'Only jobs that match.' }),
      after: t.arg.string({ description: 'Cursor of the last received event.' }),
      endedWithinSeconds: t.arg.int({ description: endedWithinDescription }),
    },
    subscribe: async (_, args, ctx) => {
      const { ids, after, endedWithinSeconds } = parseInput(watchArgs, args);
      const filter = parseSegmentJobFilter(args.filter);
      const matches = filter === null ? null : (job: SegmentJob) => matchesSegmentJobFilter(job, filter);
      const { signal, expiresAt } = ctx;
      return ctx.watch.segmentJobs.subscribe({ ids, matches, after, endedWithinSeconds, signal, expiresAt });
    },
    resolve: (event) => event,
  }),
);
