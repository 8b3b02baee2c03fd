import { findMergePolicy } from '../catalog/find-merge-policy.ts';
import { seededSegments } from '../catalog/population.ts';
import { nextRunOf } from '../jobs/schedule-request.ts';
import type { Schedule } from '../store/platform-store-schedules.ts';
import type { SegmentDefinition } from '../store/platform-store-segment-definitions.ts';
import type { SeededSandbox } from './platform-state-datasets.ts';
import type { Draws } from './platform-state-draws.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Days between the creation times of two segments, and between the last one and `now`. */
const stepDays = 10;
const newestDays = 20;

/** Definitions of the platform's own segments, oldest first. */
export function seededDefinitions(draws: Draws, now: Date): SegmentDefinition[] {
  const mergePolicyId = findMergePolicy(null).id;
  const own = seededSegments.flatMap((segment) =>
    segment.expression === null ? [] : [{ ...segment, value: segment.expression }],
  );
  return own.map(({ id, name, description, value }, index) => {
    const age = (newestDays + stepDays * (own.length - 1 - index)) * dayMs + draws.integer(`segment ${id}`, 0, dayMs);
    const creationTime = now.getTime() - age;
    return {
      id,
      name,
      description,
      expression: { type: 'PQL', format: 'pql/text', value },
      mergePolicyId,
      evaluation: { batch: true, continuous: index % 4 === 1, synchronous: false },
      creationTime,
      updateTime: creationTime + draws.integer(`segment update ${id}`, 0, 3 * dayMs),
    };
  });
}

/**
 * The daily segmentation of `prod`, and two schedules that the platform itself creates. Observed lists contain such
 * schedules; here they have no effect. `dev` has no schedule, so that a client can create one.
 */
export function seededSchedules(sandbox: SeededSandbox, draws: Draws, now: Date): Schedule[] {
  if (sandbox !== 'prod') return [];
  const created = now.getTime() - 120 * dayMs - draws.integer('schedule', 0, dayMs);
  const templates = [
    ['Daily segmentation', 'batch_segmentation', '0 30 23 * * ?'],
    ['Incremental segmentation', 'delta', '0 15 11 * * ?'],
    ['Profile snapshot', 'system', '0 45 2 * * ?'],
  ] as const;
  return templates.map(([name, type, schedule], index) => ({
    id: draws.uuid(index === 0 ? 'schedule' : `schedule ${type}`),
    sandbox,
    name,
    type,
    state: 'active',
    schedule,
    properties: type === 'batch_segmentation' ? { segments: ['*'] } : {},
    created: created + index * hourMs,
    updated: created + index * hourMs,
    nextRun: nextRunOf({ type, state: 'active', schedule }, now),
  }));
}
