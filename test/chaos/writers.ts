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
  /** Name for messages, such as `writer 3`. */
  readonly name: string;
  /** Number that distinguishes the writer's creates from those of other writers. */
  readonly number: number;
  /** Platform ids of the existing segments. */
  readonly segments: readonly string[];
}

/** Maximum number of steps of one writer, because its marks are numbered by step. */
const maxSteps = 100;
/** Earlier than all profiles, so that a mark excludes no profile. */
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

/** Mark of the jobs of a step: a time after which profiles must have changed, which the platform returns in the job. */
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
  // The idempotency key of an export does not cover its dataset. An attempt that created no export frees the key, but
  // its dataset may remain, because the platform may have created it without a response, or may not have removed it.
  const stays = dataset.kind === 'refused' && ['PLATFORM_ERROR', 'UPSTREAM_UNREACHABLE'].includes(dataset.code);
  journal.attempted('datasets', {
    mark: datasetMark,
    key: dataset.kind === 'created' ? key : null,
    outcome: stays ? { kind: 'unknown' } : dataset,
  });
}

/** Creates and cancels segment jobs, one step after the other. */
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

/** Maximum number of steps of one segmenter, limited by the number of pairs of segments. */
const maxSegmentSteps = 10;

/** A different pair of segments for each number, which marks the jobs of a step. */
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

/** Creates, changes and deletes its own schedules, one step after the other. */
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

/** State of a schedule, as compared between histories and the truth. */
export const scheduleState = (state: string, schedule: string): string => `${state} ${schedule}`;

/**
 * Sends a request once, twice concurrently, or several times with the same key: concurrently, and then one after the
 * other.
 */
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
