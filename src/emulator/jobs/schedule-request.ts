import { z } from 'zod';
import { parseQuartz, QuartzSyntaxError } from '../../runtime/quartz.ts';
import { PlatformError, upsCodes } from '../errors.ts';
import { isJsonObject, type JsonObject } from '../json.ts';
import type { EmulatorQuirks } from '../options.ts';
import type { Schedule } from '../store/platform-store-schedules.ts';
import { parseScheduledExport } from './scheduled-export.ts';

/** Maximum number of merge policies of XDM Individual Profile in a sandbox with scheduled evaluation. */
export const maximumMergePolicies = 5;

export type ScheduleRequest = Pick<Schedule, 'name' | 'state' | 'schedule' | 'properties'> & {
  readonly type: 'batch_segmentation' | 'export';
};

const state = z.enum(['active', 'inactive']);

const scheduleBody = z.looseObject({
  name: z.string().trim().min(1, 'must not be empty'),
  type: z.enum(['batch_segmentation', 'export']),
  properties: z.looseObject({ segments: z.array(z.string().min(1)).optional() }),
  schedule: z.string(),
  state: state.optional(),
});

const patchBody = z
  .array(
    z.discriminatedUnion('path', [
      z.object({ op: z.literal('add'), path: z.literal('/state'), value: state }),
      z.object({ op: z.literal('add'), path: z.literal('/schedule'), value: z.string() }),
    ]),
  )
  .min(1);

/**
 * Validates the body of `POST /config/schedules`.
 * @param context the default dataset of exports, null when the sandbox has no dataset for exports; and the time after
 *   which the expression must have a run
 * @throws {PlatformError} 400 with all issues
 */
export function parseSchedule(
  body: unknown,
  { datasetId, now }: { readonly datasetId: string | null; readonly now: Date },
  quirks: Pick<EmulatorQuirks, 'defaultSegmentStatus'>,
): ScheduleRequest {
  const parsed = scheduleBody.safeParse(body);
  if (!parsed.success || !isJsonObject(body)) throw invalid(issuesOf(parsed.error));
  const { name, type, schedule } = parsed.data;
  checkCron(schedule, now);
  const properties = propertiesOf(body);
  switch (type) {
    case 'batch_segmentation':
      if (!parsed.data.properties.segments?.length) {
        throw invalid('properties.segments: must name at least one segment, or * for all');
      }
      break;
    case 'export':
      parseScheduledExport(properties, datasetId, quirks);
      break;
  }
  return { name, type, schedule, properties, state: parsed.data.state ?? 'inactive' };
}

/**
 * Validates the body of `PATCH /config/schedules/{id}`, a JSON Patch with only `add` operations.
 * @returns the changes; if several operations have the same path, the last one counts
 * @throws {PlatformError} 400
 */
export function parseSchedulePatch(body: unknown, now: Date): Partial<Pick<Schedule, 'state' | 'schedule'>> {
  const parsed = patchBody.safeParse(body);
  if (!parsed.success) throw invalid(issuesOf(parsed.error));
  const changes: { state?: Schedule['state']; schedule?: string } = {};
  for (const operation of parsed.data) {
    if (operation.path === '/state') changes.state = operation.value;
    else changes.schedule = operation.value;
  }
  if (changes.schedule !== undefined) checkCron(changes.schedule, now);
  return changes;
}

/** @throws {PlatformError} 400 when scheduled evaluation is not possible, or a schedule already exists */
export function checkScheduleLimits(found: { readonly mergePolicies: number; readonly hasSchedule: boolean }): void {
  if (found.mergePolicies > maximumMergePolicies) {
    throw invalid(
      `The sandbox has ${found.mergePolicies} merge policies; schedules need one with at most ${maximumMergePolicies}`,
    );
  }
  if (found.hasSchedule) throw invalid('There is a schedule already; only one can exist');
}

/**
 * Next run after `after`, in Unix epoch milliseconds; null for inactive schedules, for expressions without a further
 * run, and for the platform's own schedules.
 */
export function nextRunOf(
  { type, state, schedule }: Pick<Schedule, 'type' | 'state' | 'schedule'>,
  after: Date,
): number | null {
  if (state === 'inactive' || type === 'delta' || type === 'system') return null;
  return parseQuartz(schedule).nextRuns(after, 1)[0]?.getTime() ?? null;
}

function checkCron(expression: string, now: Date): void {
  let cron: ReturnType<typeof parseQuartz>;
  try {
    cron = parseQuartz(expression);
  } catch (error) {
    if (!(error instanceof QuartzSyntaxError)) throw error;
    throw invalid(`schedule: ${error.message}`);
  }
  if (cron.runsPerDay > 1) {
    throw invalid(`schedule: would run ${cron.runsPerDay} times a day, but a job can run once in 24 hours at most`);
  }
  if (cron.nextRuns(now, 1).length === 0) throw invalid('schedule: will never run');
}

function propertiesOf(body: JsonObject): JsonObject {
  const properties = body['properties'];
  return isJsonObject(properties) ? properties : {};
}

function issuesOf(error: z.ZodError | undefined): string {
  const issues = error?.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`) ?? [];
  return issues.join('; ') || 'The body must be an object.';
}

function invalid(message: string): PlatformError {
  return new PlatformError(400, upsCodes.invalidRequest, message);
}
