import { PlatformError, upsCodes } from '../errors.ts';
import type { Reply } from '../http/operation.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import type { Fault } from './fault-script.ts';

const jobPath = /^\/data\/core\/ups\/(export|segment)\/jobs(?:\/([^/]*))?\/?$/;

/**
 * Makes a job vanish if the request names it in its path.
 * @throws {PlatformError} 404, with the message for a job that never existed
 */
export function checkVanished(faults: readonly Fault[], path: string): void {
  const [, type, id] = jobPath.exec(path) ?? [];
  if (id === undefined || !vanishedIds(faults).has(id)) return;
  const kind = type === 'export' ? 'Export job' : 'Segment job';
  throw new PlatformError(404, upsCodes.unknownJob, `${kind} ${id} does not exist.`);
}

/**
 * Removes vanished jobs from a response about jobs, and sets the scripted status on the others.
 * @throws {PlatformError} 404 when a bulk read has no job left
 */
export function alterJobs(faults: readonly Fault[], path: string, reply: Reply): Reply {
  const alters = faults.some(({ kind }) => kind === 'vanish' || kind === 'unknownStatus');
  if (!alters || reply.kind !== 'json' || !isJsonObject(reply.body) || !jobPath.test(path)) return reply;
  return { ...reply, body: alterBody(faults, reply.body) };
}

function alterBody(faults: readonly Fault[], body: JsonObject): JsonObject {
  const { records, children, results, page, _page } = body;
  if (isList(records)) {
    const rows = alterList(faults, records);
    return { ...body, page: resized(page, rows), records: rows };
  }
  if (isList(children)) {
    const rows = alterList(faults, children);
    return { ...body, _page: resized(_page, rows), children: rows };
  }
  return isJsonObject(results) ? { ...body, results: alterResults(faults, results) } : alterJob(faults, body);
}

/** Adjusts the row count of a page. */
function resized(page: JsonValue | undefined, rows: readonly JsonValue[]): JsonValue | undefined {
  return isJsonObject(page) ? { ...page, pageSize: rows.length } : page;
}

function alterList(faults: readonly Fault[], jobs: readonly JsonValue[]): readonly JsonValue[] {
  const vanished = vanishedIds(faults);
  return jobs
    .filter((job) => !(isJsonObject(job) && vanished.has(String(job['id']))))
    .map((job) => (isJsonObject(job) ? alterJob(faults, job) : job));
}

function alterResults(faults: readonly Fault[], results: JsonObject): JsonObject {
  const vanished = vanishedIds(faults);
  const altered = Object.entries(results).map(([id, job]): readonly [string, JsonValue | undefined] => {
    if (vanished.has(id)) {
      return [id, { errors: { 404: [{ code: upsCodes.unknownJob, message: `Segment job ${id} does not exist.` }] } }];
    }
    return [id, isJsonObject(job) ? alterJob(faults, job) : job];
  });
  // Only jobs have `errors` as a list; the entry of a missing job has an object.
  if (altered.every(([, job]) => isJsonObject(job) && isJsonObject(job['errors']))) {
    throw new PlatformError(
      404,
      upsCodes.unknownJob,
      `Segment job: none of ${Object.keys(results).join(', ')} exists.`,
    );
  }
  return Object.fromEntries(altered);
}

function alterJob(faults: readonly Fault[], job: JsonObject): JsonObject {
  // The response to a cancel also has a status, but it is not a job status.
  if (typeof job['status'] !== 'string') return job;
  const id = String(job['id']);
  const fault = faults.find((each) => each.kind === 'unknownStatus' && (each.id === undefined || each.id === id));
  return fault?.kind === 'unknownStatus' ? { ...job, status: fault.value } : job;
}

function vanishedIds(faults: readonly Fault[]): ReadonlySet<string> {
  return new Set(faults.flatMap((fault) => (fault.kind === 'vanish' ? [fault.id] : [])));
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}
