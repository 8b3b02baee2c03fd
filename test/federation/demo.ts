import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { parse } from 'graphql';
import { systemClock } from '../../src/runtime/clock.ts';
import { connectGateway } from '../support/gateway.ts';
import { profileDataset } from '../support/platform.ts';
import { startHiveGateway } from './gateways.ts';
import { nextJob, pastJob, startGraph } from './graph.ts';

/**
 * `npm run federation:demo` starts an emulator, this gateway, the second subgraph and Hive Gateway in front of both. It
 * shows a query that joins them, an export, and its live view extended by the second subgraph. Then everything stops.
 */
const say = (text: string) => void process.stdout.write(`${text}\n`);
const show = (value: unknown) => say(JSON.stringify(value, null, 2));

await using graph = await startGraph({ clock: systemClock });
await using hive = await startHiveGateway(graph.supergraph, 'ws');
const supergraph = connectGateway(hive.url);
say(`platform (emulator)  ${graph.platform.url}`);
say(`exports (subgraph)   ${graph.exports.graphqlUrl}`);
say(`marketing (subgraph) ${graph.marketing.url}`);
say(`Hive Gateway         ${supergraph.graphqlUrl}`);

async function ask(query: string, variables: Readonly<Record<string, unknown>> = {}): Promise<void> {
  say(`\n${query}\n`);
  const { data, errors } = await supergraph.send(query, variables, graph.headers);
  show(data);
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('; '));
}

await ask(
  `query Joined($job: ID!) {
  exportJob(id: $job) { status campaign { name segment { name } } destination { dataset { name owner } } }
}`,
  { job: pastJob },
);

await ask(
  `mutation Start($dataset: ID!) {
  createExportJob(input: { destination: { target: { datasetId: $dataset } } }) {
    ... on CreateExportJobPayload { exportJob { id campaign { name } } }
    ... on Error { code message }
  }
}`,
  { dataset: profileDataset },
);

const live = `subscription Live($ids: [ID!]) {
  exportJobChanged(ids: $ids) { kind job { status metrics { totalExportedProfiles } campaign { name } } }
}`;
say(`\n${live}\n`);
// The parser does not know the type of the operation's result.
const document = parse(live) as TypedDocumentNode<unknown, { ids: string[] }>;
await using events = supergraph.subscribe(document, { ids: [nextJob] }, { transport: 'sse', headers: graph.headers });
for (let event = await events.take(); event !== null; event = await events.take()) say(JSON.stringify(event));
say('\nThe job has ended, and with it the stream.');
