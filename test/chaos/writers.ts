import {
  CancelExportJobDocument,
  CancelSegmentJobDocument,
  ChangeScheduleDocument,
  CreateSegmentJobDocument,
  DeleteScheduleDocument,
  StartExportDocument,
  type StartExportMutationVariables,
  StartScheduleDocument,
} from '../e2e/operations.generated.ts';
import type { Gateway } from '../support/gateway.ts';
import type { CreateAttempt } from '../support/history/check-creates.ts';
import { profileDataset } from '../support/platform.ts';
import { createOutcome, type Journal } from './journal.ts';
import type { ExportStep, Repetition, ScheduleStep, SegmentStep } from './scenario.ts';

export interface WriterContext {
  readonly gateway: Gateway;
  readonly journal: Journal;
  /** `writer 3` */
  readonly name: string;
  /** Told apart from those of all other writers. */
  readonly number: number;
  /** Platform ids of the segments that there are. */
  readonly segments: readonly string[];
}

/** Steps of one writer at most: what tells its creates apart counts them. */
const maxSteps = 100;
/** Before all profiles, so that a mark selects nobody away. */
const firstMark = Date.parse('2001-01-01T00:00:00Z');
const secondMs = 1_000;

/** Creates and cancels export jobs, one step after the other. */
export async function runExporter(context: WriterContext, steps: readonly ExportStep[]): Promise<void> {
  const { gateway, journal, name } = context;
  for (const [index, step] of steps.entries()) {
    switch (step.kind) {
      case 'create':
        await repeat(step.repetition, keyOf(context, index), (key) => createExport(context, index, step, key));
        break;
      case 'cancel': {
        const jobs = journal.created('exportJobs');
        const id = jobs[step.pick % Math.max(1, jobs.length)];
        if (id === undefined) break;
        await journal.mutate(gateway, `${name} cancels ${id}`, {
          document: CancelExportJobDocument,
          variables: { id },
          member: ({ cancelExportJob }) => cancelExportJob,
          payload: 'CancelExportJobPayload',
        });
      }
    }
  }
}

/** What tells the jobs of a step apart: a time since which profiles must have changed, which the platform shows again. */
export const exportMark = (writer: number, step: number): string =>
  new Date(firstMark + (writer * maxSteps + step) * secondMs).toISOString();

async function createExport(
  { gateway, journal, name, number }: WriterContext,
  index: number,
  { newDataset }: Extract<ExportStep, { kind: 'create' }>,
  key: string | null,
): Promise<void> {
  const mark = exportMark(number, index);
  const datasetMark = `Chaos ${mark}`;
  const target = newDataset ? { newDataset: { name: datasetMark } } : { datasetId: profileDataset };
  const input: StartExportMutationVariables['input'] = {
    fields: ['person.name.firstName'],
    filter: { fromIngestTimestamp: mark },
    destination: { target },
    ...withKey(key),
  };
  const result = await journal.mutate(gateway, `${name} creates export ${mark}`, {
    document: StartExportDocument,
    variables: { input },
    member: ({ createExportJob }) => createExportJob,
    payload: 'CreateExportJobPayload',
  });
  const outcome = createOutcome(result, ({ exportJob: { id }, replayed }) => ({ id, replayed }));
  journal.attempted('exportJobs', { mark, key, outcome });
  if (!newDataset) return;
  const dataset = createOutcome(result, ({ exportJob, replayed }) => ({
    id: `Dataset:${exportJob.destination.datasetId}`,
    replayed,
  }));
  // The key of an export does not protect its dataset: an attempt that created no export leaves the key free, and its
  // dataset may stay, because the platform may have created it unnoticed, or may not have removed it.
  const stays = dataset.kind === 'refused' && ['PLATFORM_ERROR', 'UPSTREAM_UNREACHABLE'].includes(dataset.code);
  journal.attempted('datasets', {
    mark: datasetMark,
    key: dataset.kind === 'created' ? key : null,
    outcome: stays ? { kind: 'unknown' } : dataset,
  });
}

/** Evaluates segments, and cancels that, one step after the other. */
export async function runSegmenter(context: WriterContext, steps: readonly SegmentStep[]): Promise<void> {
  const { gateway, journal, name } = context;
  for (const [index, step] of steps.entries()) {
    switch (step.kind) {
      case 'create': {
        const segmentIds = pairOf(context.segments, context.number * maxSegmentSteps + index);
        await repeat(step.repetition, keyOf(context, index), (key) => createSegmentJob(context, segmentIds, key));
        break;
      }
      case 'cancel': {
        const jobs = journal.created('segmentJobs');
        const id = jobs[step.pick % Math.max(1, jobs.length)];
        if (id === undefined) break;
        await journal.mutate(gateway, `${name} cancels ${id}`, {
          document: CancelSegmentJobDocument,
          variables: { id },
          member: ({ cancelSegmentJob }) => cancelSegmentJob,
          payload: 'CancelSegmentJobPayload',
        });
      }
    }
  }
}

/** Steps of one segmenter at most: there are only so many pairs of segments. */
const maxSegmentSteps = 10;

/** Another pair of segments for each number, which tells the jobs of a step apart. */
function pairOf(segments: readonly string[], number: number): readonly string[] {
  const pairs = segments.flatMap((first, index) => segments.slice(index + 1).map((second) => [first, second]));
  const pair = pairs[number];
  if (pair === undefined) throw new Error(`There are only ${pairs.length} pairs of segments.`);
  return pair;
}

export const segmentMark = (segmentIds: readonly string[]): string => segmentIds.toSorted().join(' ');

async function createSegmentJob(
  { gateway, journal, name }: WriterContext,
  segmentIds: readonly string[],
  key: string | null,
): Promise<void> {
  const mark = segmentMark(segmentIds);
  const result = await journal.mutate(gateway, `${name} evaluates ${mark}`, {
    document: CreateSegmentJobDocument,
    variables: { input: { segmentIds: [...segmentIds], ...withKey(key) } },
    member: (data) => data.createSegmentJob,
    payload: 'CreateSegmentJobPayload',
  });
  const outcome = createOutcome(result, ({ segmentJob: { id }, replayed }) => ({ id, replayed }));
  journal.attempted('segmentJobs', { mark, key, outcome });
}

/** Creates, changes and deletes schedules of its own, one step after the other. */
export async function runScheduler(context: WriterContext, steps: readonly ScheduleStep[]): Promise<void> {
  let own: string | null = null;
  for (const [index, step] of steps.entries()) {
    switch (step.kind) {
      case 'create':
        own = (await createSchedule(context, `Chaos ${context.number}.${index}`)) ?? own;
        break;
      case 'update':
        if (own !== null) await updateSchedule(context, own, step);
        break;
      case 'delete':
        if (own !== null) await deleteSchedule(context, own);
        break;
    }
  }
}

const firstRun = '0 0 2 * * ?';

async function createSchedule({ gateway, journal, name }: WriterContext, mark: string): Promise<string | null> {
  const result = await journal.mutate(gateway, `${name} creates ${mark}`, {
    document: StartScheduleDocument,
    variables: { input: { name: mark, type: 'BATCH_SEGMENTATION', schedule: firstRun, state: 'INACTIVE' } },
    member: (data) => data.createSchedule,
    payload: 'CreateSchedulePayload',
  });
  const outcome = createOutcome(result, ({ schedule: { id } }) => ({ id, replayed: false }));
  journal.attempted('schedules', { mark, key: null, outcome });
  if (outcome.kind !== 'created') return null;
  journal.scheduleChanges.push({ id: outcome.id, state: scheduleState('INACTIVE', firstRun), done: true });
  return outcome.id;
}

async function updateSchedule(
  { gateway, journal, name }: WriterContext,
  id: string,
  { active, hour }: Extract<ScheduleStep, { kind: 'update' }>,
): Promise<void> {
  const [state, schedule] = [active ? 'ACTIVE' : 'INACTIVE', `0 0 ${hour} * * ?`] as const;
  const result = await journal.mutate(gateway, `${name} updates ${id}`, {
    document: ChangeScheduleDocument,
    variables: { id, input: { state, schedule } },
    member: (data) => data.updateSchedule,
    payload: 'UpdateSchedulePayload',
  });
  journal.scheduleChanges.push({ id, state: scheduleState(state, schedule), done: result.kind === 'payload' });
}

async function deleteSchedule({ gateway, journal, name }: WriterContext, id: string): Promise<void> {
  const result = await journal.mutate(gateway, `${name} deletes ${id}`, {
    document: DeleteScheduleDocument,
    variables: { id },
    member: (data) => data.deleteSchedule,
    payload: 'DeleteSchedulePayload',
  });
  journal.scheduleChanges.push({ id, state: null, done: result.kind === 'payload' });
}

/** A schedule in the words of histories and of the truth. */
export const scheduleState = (state: string, schedule: string): string => `${state} ${schedule}`;

/** Asks once, twice at a time for the same, or several times under one key: at a time, and then one after the other. */
async function repeat(
  repetition: Repetition,
  key: string,
  create: (key: CreateAttempt['key']) => Promise<void>,
): Promise<void> {
  switch (repetition.kind) {
    case 'once':
      return await create(null);
    case 'twins':
      await Promise.all([create(null), create(null)]);
      return;
    case 'key':
      await Promise.all(Array.from({ length: repetition.together }, () => create(key)));
      for (let count = 0; count < repetition.afterwards; count += 1) await create(key);
  }
}

const keyOf = ({ number }: WriterContext, step: number): string => `key ${number}.${step}`;
const withKey = (key: string | null) => (key === null ? {} : { idempotencyKey: key });
