import {
  commitMutation,
  Environment,
  fetchQuery,
  type GraphQLResponse,
  graphql,
  Network,
  Observable,
  RecordSource,
  requestSubscription,
  Store,
} from 'relay-runtime';
import { headers, runCases, url } from '../cases.ts';
import { createSocket } from '../socket.ts';
import type { mainCreateExportMutation } from './__generated__/mainCreateExportMutation.graphql.ts';
import type { mainListJobsQuery } from './__generated__/mainListJobsQuery.graphql.ts';
import type { mainReadFilesQuery } from './__generated__/mainReadFilesQuery.graphql.ts';
import type { mainWatchExportSubscription } from './__generated__/mainWatchExportSubscription.graphql.ts';

const listJobs = graphql`
  query mainListJobsQuery($first: Int!, $statuses: [ExportJobStatus!]) {
    exportJobs(first: $first, filter: { statuses: $statuses }) {
      nodes { id status createdAt destination { dataset { name } } }
    }
  }
`;

const createExport = graphql`
  mutation mainCreateExportMutation($input: CreateExportJobInput!) {
    createExportJob(input: $input) {
      __typename
      ... on CreateExportJobPayload { exportJob { id status } }
      ... on InvalidInputError { issues { path message } }
      ... on Error { code message }
    }
  }
`;

const watchExport = graphql`
  subscription mainWatchExportSubscription($ids: [ID!], $after: String) {
    exportJobChanged(ids: $ids, after: $after) {
      kind
      cursor
      job { status destination { batches { batch { status } } } }
    }
  }
`;

const readFiles = graphql`
  query mainReadFilesQuery($id: ID!) {
    exportJob(id: $id) { destination { batches { batch { files(first: 1) { nodes { sizeBytes downloadUrl } } } } } }
  }
`;

const socket = createSocket();
const environment = new Environment({
  network: Network.create(
    async ({ text }, variables) => {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({ query: text, variables }),
      });
      return await response.json();
    },
    ({ text }, variables) =>
      Observable.create<GraphQLResponse>((sink) =>
        socket.subscribe(
          { query: text ?? '', variables },
          {
            // Relay and graphql-ws declare the same response with different types.
            next: (result) => sink.next(result as GraphQLResponse),
            error: (error) => sink.error(error instanceof Error ? error : new Error(JSON.stringify(error))),
            complete: () => sink.complete(),
          },
        ),
      ),
  ),
  store: new Store(new RecordSource()),
});

runCases({
  list: async (first, statuses) => {
    const data = await fetchQuery<mainListJobsQuery>(environment, listJobs, { first, statuses }).toPromise();
    return data?.exportJobs?.nodes ?? [];
  },
  create: (input) =>
    new Promise((resolve, reject) => {
      commitMutation<mainCreateExportMutation>(environment, {
        mutation: createExport,
        variables: { input },
        onCompleted: ({ createExportJob: result }) => (result ? resolve(result) : reject(new Error('No result.'))),
        onError: reject,
      });
    }),
  watch: (ids, take) =>
    new Promise((resolve, reject) => {
      requestSubscription<mainWatchExportSubscription>(environment, {
        subscription: watchExport,
        variables: { ids },
        onNext: (data) => data && take(data.exportJobChanged),
        onError: reject,
        onCompleted: () => resolve(),
      });
    }),
  file: async (id) => {
    const data = await fetchQuery<mainReadFilesQuery>(environment, readFiles, { id }).toPromise();
    const [file] = data?.exportJob?.destination.batches[0]?.batch?.files?.nodes ?? [];
    if (file === undefined) throw new Error('There is no file.');
    return file;
  },
  close: () => socket.dispose(),
}).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
