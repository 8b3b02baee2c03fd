import type { SegmentJobId } from '../../domain/ids.ts';
import type { SegmentJob } from '../../domain/segment-job.ts';
import { matchesSegmentJobFilter } from '../../domain/segment-job-filter.ts';
import type { WatchEvent } from '../../events/watch.ts';
import { builder } from '../builder.ts';
import { parseInput } from '../common/input.ts';
import { SegmentJobRef } from '../common/refs.ts';
import { endedWithinDescription, endedWithinInput, WatchEventInterface, watchInput } from '../common/watch.ts';
import { parseSegmentJobFilter, SegmentJobFilterInput, SegmentJobStatusRef } from './type.ts';

const SegmentJobEvent = builder.objectRef<WatchEvent<SegmentJob>>('SegmentJobEvent').implement({
  description: 'A change of a segment job, or of the subscription as a whole.',
  interfaces: [WatchEventInterface],
  fields: (t) => ({
    previousStatus: t.field({
      type: SegmentJobStatusRef,
      nullable: true,
      description: 'Status before the change. Null if there was no earlier status.',
      resolve: ({ previous }) => previous?.status ?? null,
    }),
    job: t.expose('entity', {
      type: SegmentJobRef,
      nullable: true,
      description: 'State of the entity. Null if `kind` is STALE, RECOVERED or RESYNC.',
    }),
  }),
});

const watchArgs = watchInput<SegmentJobId>('SegmentJob').extend({ endedWithinSeconds: endedWithinInput });

builder.subscriptionField('segmentJobChanged', (t) =>
  t.field({
    extensions: { upstreamCalls: 'each' },
    type: SegmentJobEvent,
    description:
      'Emits the current state (one SNAPSHOT event per job), then every change in order, as `exportJobChanged` does for export jobs.',
    args: {
      ids: t.arg.idList({
        description: 'Global or platform ids of the jobs to watch. By default all jobs are watched.',
      }),
      filter: t.arg({ type: SegmentJobFilterInput, description: 'Conditions that the jobs meet.' }),
      after: t.arg.string({
        description: 'Cursor of the last event that the client received. Omit it to start with the current state.',
      }),
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
