import { PlatformError, upsCodes } from '../errors.ts';
import { json, type Operation, type Platform } from '../http/operation.ts';
import { requestIdFor } from '../http/request-id.ts';
import { createJob } from '../jobs/create-job.ts';
import { parseExportRequest } from '../jobs/export-request.ts';
import { credential } from '../options.ts';
import type { ExportJob } from '../store/platform-store-export-jobs.ts';
import { exportJobRecord } from './export-job-record.ts';

/** `POST /export/jobs`. The status is 200, not 201. The response includes the ids of the batches. */
export const createExportJob: Operation = async (call, platform) => {
  const { store, clock, quirks, runner } = platform;
  const received = parseExportRequest(call.body, quirks);
  const origin = { requestId: requestIdFor(call, quirks), now: clock.now().getTime() };
  const job = await store.transaction((records) => createJob(records, call.sandbox, received, origin, quirks));
  runner.start(job);
  return json(exportJobRecord(job, 'create', credential.organization, quirks), {
    'x-location': `/data/core/ups/export/jobs/${job.id}`,
  });
};

/** `GET /export/jobs/{id}` */
export const getExportJob: Operation = async ({ parameters, sandbox }, platform) => {
  const job = await findJob(parameters['jobId'] ?? '', sandbox, platform);
  return json(exportJobRecord(job, 'get', credential.organization, platform.quirks));
};

/** `DELETE /export/jobs/{id}`: marks a job for cancelling. A job that has ended does not change. */
export const cancelExportJob: Operation = async ({ parameters, sandbox }, platform) => {
  const { id } = await findJob(parameters['jobId'] ?? '', sandbox, platform);
  await platform.runner.cancel(sandbox, id);
  // A 204 has no body, although the newest documentation shows one.
  return platform.quirks.cancelReply === 'empty'
    ? { kind: 'empty', status: 204 }
    : json({ status: true, message: 'Export job has been marked for cancelling' });
};

async function findJob(id: string, sandbox: string, { store }: Pick<Platform, 'store'>): Promise<ExportJob> {
  const job = /^\d{1,15}$/.test(id) ? await store.exportJobs.find(sandbox, Number(id)) : null;
  if (job === null) throw new PlatformError(404, upsCodes.unknownJob, `Export job ${id} does not exist.`);
  return job;
}
