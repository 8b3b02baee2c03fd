import {
  ConnectionHandler,
  commitMutation,
  createOperationDescriptor,
  fetchQuery,
  getRequest,
  graphql,
  requestSubscription,
} from 'relay-runtime';
import { createSocket, url } from '../socket.ts';
import type { mainJobChangesSubscription } from './__generated__/mainJobChangesSubscription.graphql.ts';
import type { mainRecentJobsQuery } from './__generated__/mainRecentJobsQuery.graphql.ts';
import type { mainStartExportMutation } from './__generated__/mainStartExportMutation.graphql.ts';
import { createEnvironment } from './environment.ts';

const recentJobs = graphql`
  query mainRecentJobsQuery {
    exportJobs(first: 4) @connection(key: "main_exportJobs") {
      edges { node { id status createdAt metrics { totalExportedProfiles } } }
    }
  }
`;

const startExport = graphql`
  mutation mainStartExportMutation($input: CreateExportJobInput!) {
    createExportJob(input: $input) {
      __typename
      ... on CreateExportJobPayload { exportJob { id } }
      ... on Error { code message }
    }
  }
`;

// @prependNode inserts jobs that are not in the list. Rows that are there follow the store by themselves.
const jobChanges = graphql`
  subscription mainJobChangesSubscription($after: String, $connections: [ID!]!) {
    exportJobChanged(after: $after) {
      kind
      cursor
      job @prependNode(connections: $connections, edgeTypeName: "ExportJobEdge") {
        id
        status
        createdAt
        metrics { totalExportedProfiles }
      }
    }
  }
`;

const say = (line: string) => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const socket = createSocket();
  const environment = createEnvironment(url, socket);

  // Without a component that uses it, the query must be retained, or Relay removes its data.
  const operation = createOperationDescriptor(getRequest(recentJobs), {});
  const retained = environment.retain(operation);
  const first = await fetchQuery<mainRecentJobsQuery>(environment, recentJobs, {}).toPromise();
  say(`rows: ${first?.exportJobs?.edges.length}`);

  const rowsOfList = () => {
    // The store returns the data of this query, whose type the compiler has generated.
    const data = environment.lookup(operation.fragment).data as unknown as mainRecentJobsQuery['response'];
    return data.exportJobs?.edges ?? [];
  };
  /** Called after each event. */
  let check = () => {};
  const changes = requestSubscription<mainJobChangesSubscription>(environment, {
    subscription: jobChanges,
    variables: { connections: [ConnectionHandler.getConnectionID('client:root', 'main_exportJobs')] },
    onNext: (data) => {
      // The job is null in STALE, RECOVERED and RESYNC, which concern the subscription and not a job.
      const { kind, job } = data?.exportJobChanged ?? {};
      if (job == null) return;
      say(`${kind} ${job.id} ${job.status}`);
      check();
    },
    onError: (error) => {
      throw error;
    },
  });

  const input = { fields: ['person.name'], destination: { target: { newDataset: { name: 'From Relay' } } } };
  const id = await new Promise<string>((resolve, reject) => {
    commitMutation<mainStartExportMutation>(environment, {
      mutation: startExport,
      variables: { input },
      onCompleted: ({ createExportJob: result }) => {
        if (result?.__typename === 'CreateExportJobPayload' && 'exportJob' in result) resolve(result.exportJob.id);
        else reject(new Error(JSON.stringify(result)));
      },
      onError: reject,
    });
  });
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
  changes.dispose();
  retained.dispose();
  await socket.dispose();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
