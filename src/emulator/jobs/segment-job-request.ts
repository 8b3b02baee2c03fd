import { z } from 'zod';
import { PlatformError, upsCodes } from '../errors.ts';
import type { PlatformRecords } from '../store/platform-store.ts';
import { everySegment } from './segment-snapshots.ts';

/** Maximum number of segments that a job can list. A job with more segments must use `*`. */
const maximumSegments = 1_500;

/** Limits of contracts with flexible audience evaluation. */
const flexibleLimits = { segments: 20, perDay: 2, perYear: { production: 50, development: 100 } } as const;

const segments = z
  .array(z.looseObject({ segmentId: z.string().trim().min(1, 'must not be empty') }))
  .min(1, 'must name at least one segment');

const segmentJobBody = z.union([
  segments,
  z.looseObject({ schema: z.looseObject({ name: z.literal('_xdm.context.profile') }).optional(), segments }),
]);

/**
 * Validates the body of `POST /segment/jobs`: an array, or an object that contains an array.
 * @returns distinct segment ids; `*` is always the only entry
 * @throws {PlatformError} 400
 */
export function parseSegmentJobRequest(body: unknown): readonly string[] {
  const parsed = segmentJobBody.safeParse(body);
  if (!parsed.success) {
    throw invalid(
      'The body must be [{"segmentId": "…"}], or {"schema": {"name": "_xdm.context.profile"}, "segments": […]}',
    );
  }
  const entries = Array.isArray(parsed.data) ? parsed.data : parsed.data.segments;
  const ids = [...new Set(entries.map(({ segmentId }) => segmentId))];
  if (ids.includes(everySegment)) return [everySegment];
  if (ids.length > maximumSegments) {
    throw invalid(`A job can list ${maximumSegments} segments; use * to evaluate more`);
  }
  return ids;
}

/**
 * Checks the limits of flexible audience evaluation.
 * @throws {PlatformError} 400 for `*` or too many segments, 429 when the daily or yearly limit of the sandbox is reached
 */
export async function checkFlexibleEvaluation(
  { segmentJobs, sandboxes }: Pick<PlatformRecords, 'segmentJobs' | 'sandboxes'>,
  sandbox: string,
  segmentIds: readonly string[],
  now: Date,
): Promise<void> {
  if (segmentIds.includes(everySegment) || segmentIds.length > flexibleLimits.segments) {
    throw invalid(`A job can evaluate ${flexibleLimits.segments} segments, each named`);
  }
  const type = (await sandboxes.find(sandbox))?.type ?? 'production';
  const periods = [
    {
      name: 'day',
      start: Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()),
      most: flexibleLimits.perDay,
    },
    { name: 'year', start: Date.UTC(now.getUTCFullYear(), 0), most: flexibleLimits.perYear[type] },
  ];
  for (const { name, start, most } of periods) {
    if ((await segmentJobs.countOnDemand(sandbox, start)) >= most) {
      throw new PlatformError(429, upsCodes.tooManyJobs, `The ${most} segment jobs of this ${name} have been used.`);
    }
  }
}

function invalid(message: string): PlatformError {
  return new PlatformError(400, upsCodes.invalidRequest, message);
}
