import { createSocket, url } from '../socket.ts';
import type { JobRowFragment } from './__generated__/graphql.ts';
import { graphql } from './__generated__/index.ts';
import { createApolloClient } from './client.ts';

graphql(`
  fragment JobRow on ExportJob {
    id
    status
    createdAt
    metrics { totalExportedProfiles }
  }
`);

const RecentJobs = graphql(`
  query RecentJobs($after: String) {
    viewer { sandbox { name } }
    exportJobs(first: 2, after: $after) {
      edges { cursor node { ...JobRow } }
      pageInfo { hasNextPage endCursor }
    }
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
const client = createApolloClient(url, socket);

/** Inserts a job at the start of the list if it is not there. Rows that are there follow the cache by themselves. */
function insert(job: JobRowFragment): void {
  client.cache.updateQuery({ query: RecentJobs }, (data) => {
    const jobs = data?.exportJobs;
    if (data == null || jobs == null || jobs.edges.some(({ node }) => node.id === job.id)) return undefined;
    // A cursor is needed only to continue after this row, and the list continues after its last row.
    const edge = { __typename: 'ExportJobEdge' as const, cursor: '', node: job };
    return { ...data, exportJobs: { ...jobs, edges: [edge, ...jobs.edges] } };
  });
}

const first = await client.query({ query: RecentJobs });
const endCursor = first.data?.exportJobs?.pageInfo.endCursor ?? null;
const list = client.watchQuery({ query: RecentJobs });
// An observer, as a component that shows the list.
const observer = list.subscribe(() => undefined);
await list.fetchMore({ variables: { after: endCursor } });
const rowsOfList = () => client.readQuery({ query: RecentJobs })?.exportJobs?.edges ?? [];
say(`rows: ${rowsOfList().length}`);

/** Called after each event. */
let check = () => {};
const changes = client.subscribe({ query: JobChanges }).subscribe(({ data, error }) => {
  if (error !== undefined) throw error;
  // The job is null in STALE, RECOVERED and RESYNC, which concern the subscription and not a job.
  const { kind, job } = data?.exportJobChanged ?? {};
  if (job == null) return;
  say(`${kind} ${job.id} ${job.status}`);
  insert(job);
  check();
});

const input = { fields: ['person.name'], destination: { target: { newDataset: { name: 'From Apollo Client' } } } };
const { data } = await client.mutate({ mutation: StartExport, variables: { input } });
const result = data?.createExportJob;
if (result?.__typename !== 'CreateExportJobPayload') {
  // The generated `possibleTypes` give the cache the types that implement `Error`.
  throw new Error(result === null || result === undefined ? 'No result.' : `${result.code}: ${result.message}`);
}
const { id } = result.exportJob;
insert(result.exportJob);
await new Promise<void>((resolve) => {
  check = () => {
    const status = rowsOfList().find(({ node }) => node.id === id)?.node.status;
    if (status === 'SUCCEEDED' || status === 'FAILED') resolve();
  };
  check();
});

// Events insert jobs in the order in which they arrive, so the rows are sorted where they are shown.
const newestFirst = rowsOfList().toSorted((a, b) => b.node.createdAt.localeCompare(a.node.createdAt));
const row = newestFirst[0]?.node;
say(`first row: ${row?.id} ${row?.status}, ${row?.metrics?.totalExportedProfiles?.toFixed()} profiles`);
changes.unsubscribe();
observer.unsubscribe();
client.stop();
await socket.dispose();
