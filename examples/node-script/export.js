import { randomUUID } from 'node:crypto';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { download } from './download.js';
import { changesOf, send } from './gateway.js';

const { values: options } = parseArgs({
  options: {
    name: { type: 'string', default: 'Export by a script' },
    field: { type: 'string', multiple: true, default: ['person.name', 'personalEmail.address'] },
    folder: { type: 'string', default: 'exports' },
  },
});

const say = (line) => void process.stdout.write(`${line}\n`);

const create = `mutation CreateExport($input: CreateExportJobInput!) {
  createExportJob(input: $input) {
    ... on CreateExportJobPayload { exportJob { id } }
    ... on InvalidInputError { issues { path message } }
    ... on Error { code message }
  }
}`;

// The batches are selected, so that the subscription completes when their files are readable.
const watch = `subscription WatchExport($ids: [ID!], $after: String) {
  exportJobChanged(ids: $ids, after: $after) {
    kind cursor job { status destination { batches { batch { status } } } }
  }
}`;

const read = `query ReadExport($id: ID!) {
  exportJob(id: $id) {
    status
    metrics { totalExportedProfiles }
    errors { code message }
    destination { batches { batchId } }
  }
}`;

const readFiles = `query ReadFiles($batch: ID!, $after: String) {
  batch(id: $batch) {
    files(first: 100, after: $after) { nodes { platformId name downloadUrl } pageInfo { hasNextPage endCursor } }
  }
}`;

/** @returns the id of the new job */
async function createExport() {
  const destination = { target: { newDataset: { name: options.name } } };
  // With a key, a repeated request returns the same job and creates no second one.
  const input = { fields: options.field, destination, idempotencyKey: randomUUID() };
  const { createExportJob: result } = await send(create, { input });
  if (result.exportJob !== undefined) return result.exportJob.id;
  const issues = (result.issues ?? []).map(({ path, message }) => `\n  ${path}: ${message}`);
  throw new Error(`${result.code}: ${result.message}${issues.join('')}`);
}

/** All files of a batch, from every page of the list. */
async function* filesOf(batch) {
  let after = null;
  do {
    const { batch: found } = await send(readFiles, { batch, after });
    if (found === null) return;
    yield* found.files.nodes;
    after = found.files.pageInfo.hasNextPage ? found.files.pageInfo.endCursor : null;
  } while (after !== null);
}

const id = await createExport();
say(`${id} was created`);

for await (const { kind, job } of changesOf(watch, 'exportJobChanged', [id])) {
  // The job is null in STALE, RECOVERED and RESYNC, which concern the subscription and not a job.
  say(job === null ? kind : `${kind} ${job.status}`);
}

const { exportJob } = await send(read, { id });
if (exportJob?.status !== 'SUCCEEDED') {
  const reasons = (exportJob?.errors ?? []).map(({ code, message }) => `\n  ${code}: ${message}`);
  throw new Error(`${id} ended with ${exportJob?.status ?? 'its removal'}${reasons.join('')}`);
}
say(`${exportJob.metrics.totalExportedProfiles} profiles were exported`);

for (const { batchId } of exportJob.destination.batches) {
  for await (const { platformId, name, downloadUrl } of filesOf(batchId)) {
    // Names repeat in other batches, and can be paths. The id and the last part of the name are unique.
    const path = join(options.folder, `file-${encodeURIComponent(platformId)}`, basename(name));
    say(`${path}: ${await download(downloadUrl, path)} bytes`);
  }
}
