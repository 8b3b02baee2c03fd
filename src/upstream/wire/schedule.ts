import { platformId } from '../../domain/ids.ts';
import type { ReadingTimes } from '../../domain/reading-times.ts';
import type { NewSchedule, Schedule, ScheduleChange } from '../../domain/schedule.ts';
import { scheduleStates, scheduleTypes } from '../../domain/schedule.ts';
import type { DecodeContext } from './decode-context.ts';
import { identified } from './identified.ts';
import { asList, asRecord, readId, readString, readText } from './readers.ts';
import { readStatus } from './status.ts';
import { readTime } from './time.ts';

type ScheduleKey = 'name' | 'type' | 'state' | 'schedule' | 'frequency' | 'properties' | 'createEpoch' | 'updateEpoch';

/** The words of the platform's dataflows for the same states. */
const stateAliases = { ENABLED: 'ACTIVE', DISABLED: 'INACTIVE' } as const;

/**
 * A schedule. Null if the value has no id. The cron expression is empty if the platform omits it, because the platform
 * may choose the time itself.
 */
export function decodeSchedule(value: unknown, context: DecodeContext, reading: ReadingTimes): Schedule | null {
  const found = identified<ScheduleKey>(value, context);
  if (found === null) return null;
  const { record, id } = found;
  const schedule = readText(record.schedule);
  if (schedule === null) context.anomaly('missing-field');
  const type = readText(record.type);
  if (type === null) context.anomaly('missing-field');
  const state = readText(record.state);
  if (state === null) context.anomaly('missing-status');
  const segments = asList(asRecord<'segments'>(record.properties)?.segments);
  return {
    id: platformId(id),
    name: readString(record.name),
    type: type === null ? 'UNKNOWN' : readStatus(type, scheduleTypes, context),
    rawType: type ?? '',
    state: state === null ? 'UNKNOWN' : readStatus(state, scheduleStates, context, stateAliases),
    schedule: schedule?.trim() ?? '',
    frequency: readText(record.frequency),
    segmentIds: [...new Set(segments.flatMap((segment) => readId(segment) ?? []))].map((id) => platformId(id)),
    createdAt: readTime(record.createEpoch, context),
    updatedAt: readTime(record.updateEpoch, context),
    ...reading,
  };
}

/** The request body that creates a schedule. */
export const encodeNewSchedule = ({ name, type, schedule, segmentIds, state }: NewSchedule): object => ({
  name,
  type: encodeType(type),
  properties: { segments: segmentIds },
  schedule,
  state: encodeState(state),
});

/** The JSON Patch that changes a schedule. The platform supports only the operation `add`. */
export const encodeScheduleChange = ({ state, schedule }: ScheduleChange): readonly object[] => [
  ...(state === undefined ? [] : [{ op: 'add', path: '/state', value: encodeState(state) }]),
  ...(schedule === undefined ? [] : [{ op: 'add', path: '/schedule', value: schedule }]),
];

function encodeType(type: NewSchedule['type']): string {
  switch (type) {
    case 'BATCH_SEGMENTATION':
      return 'batch_segmentation';
    case 'EXPORT':
      return 'export';
  }
}

function encodeState(state: NewSchedule['state']): string {
  switch (state) {
    case 'ACTIVE':
      return 'active';
    case 'INACTIVE':
      return 'inactive';
  }
}
