import { createSocket, url } from '../socket.ts';
import { graphql } from './__generated__/index.ts';
import { createUrqlClient } from './client.ts';

graphql(`
  fragment JobRow on ExportJob {
    id
    status
    createdAt
    metrics { totalExportedProfiles }
  }
`);

const RecentJobs = graphql(`
  query RecentJobs {
    exportJobs(first: 4) { nodes { ...JobRow } pageInfo { hasNextPage endCursor } }
  }
`);

const StartExport = graphql(`
  mutation StartExport($input: CreateExportJobInput!) {
    createExportJob(input: $input) {
      __typename
      ... on CreateExportJobPayload { exportJob { ...JobRow } }
      ... on Error { code message }
    }
  }
`);

const JobChanges = graphql(`
  subscription JobChanges($after: String) {
    exportJobChanged(after: $after) {
      kind
      cursor
      job { ...JobRow }
    }
  }
`);

const say = (line: string) => void process.stdout.write(`${line}\n`);
const socket = createSocket();
const client = createUrqlClient(url, socket);

const first = await client.query(RecentJobs, {}).toPromise();
if (first.error !== undefined) throw first.error;
// The document cache of urql has no entities, so the program keeps the rows.
const rows = (first.data?.exportJobs?.nodes ?? []).toReversed();
const jobs = new Map(rows.map((row) => [row.id, row]));
say(`rows: ${jobs.size}`);

/** Called after each event. */
let check = () => {};
const changes = client.subscription(JobChanges, {}).subscribe(({ data, error }) => {
  if (error !== undefined) throw error;
  // The job is null in STALE, RECOVERED and RESYNC, which concern the subscription and not a job.
  const { kind, job } = data?.exportJobChanged ?? {};
  if (job == null) return;
  say(`${kind} ${job.id} ${job.status}`);
  jobs.set(job.id, job);
  check();
});

const input = { fields: ['person.name'], destination: { target: { newDataset: { name: 'From urql' } } } };
const { data, error } = await client.mutation(StartExport, { input }).toPromise();
if (error !== undefined) throw error;
const result = data?.createExportJob;
if (result?.__typename !== 'CreateExportJobPayload') {
  throw new Error(result == null ? 'No result.' : `${result.code}: ${result.message}`);
}
const { exportJob } = result;
// An event may have been faster than the response.
if (!jobs.has(exportJob.id)) jobs.set(exportJob.id, exportJob);
await new Promise<void>((resolve) => {
  check = () => {
    const status = jobs.get(exportJob.id)?.status;
    if (status === 'SUCCEEDED' || status === 'FAILED') resolve();
  };
  check();
});

// Events insert jobs in the order in which they arrive, so the rows are sorted where they are shown.
const [row] = [...jobs.values()].toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
say(`first row: ${row?.id} ${row?.status}, ${row?.metrics?.totalExportedProfiles?.toFixed()} profiles`);
changes.unsubscribe();
await socket.dispose();
