import { ScheduleRef } from '../common/refs.ts';
import { watchField } from '../common/watch-field.ts';

watchField('schedules', {
  typename: 'Schedule',
  type: ScheduleRef,
  member: 'schedule',
  noun: 'a schedule',
  plural: 'schedules',
  description:
    'Emits the current state (one SNAPSHOT event per schedule), then every change in order, as `exportJobChanged` does for export jobs. A schedule never ends, so that the stream completes only when all schedules of `ids` are removed.',
});
