import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { createClient } from 'graphql-sse';
import { composeSupergraph } from './compose.ts';
import { openExports } from './exports.ts';
import { startHiveGateway } from './gateway.ts';
import { startMarketing } from './marketing.ts';

/**
 * Starts the gateway with its emulator, a second subgraph, and Hive Gateway in front of both. Shows a query that joins
 * them, an export, and its live view extended by the second subgraph. Then everything stops, or with `--keep` stays until
 * a signal arrives.
 */
const { values: options } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });

const say = (text: string) => void process.stdout.write(`${text}\n`);
const headers: Record<string, string> = JSON.parse(process.env['GATEWAY_HEADERS'] ?? '{}');

/** A failed export job, a segment and two datasets that the emulator contains from the start. */
const pastJob = 'ExportJob:24050';
const goldTier = '7c9e6679-7425-40de-944b-e07fc1f90a02';
const profileDataset = '5b020a27e7040801dedba61b';
const webEventsDataset = '5e3f0b7a9d1c2b00194f7d21';

const autumn = { id: 'autumn', name: 'Autumn sale', exportJobId: 'none', segmentId: goldTier };
const spring = { id: 'spring', name: 'Spring sale', exportJobId: pastJob, segmentId: goldTier };

await using exports = await openExports();
await using marketing = await startMarketing({
  campaigns: [spring, autumn],
  owners: { [profileDataset]: 'Customer data team', [webEventsDataset]: 'Web team' },
});
const supergraph = await composeSupergraph({ exports: exports.url, marketing: marketing.url });
await using hive = await startHiveGateway(supergraph, 'ws');
const url = `${hive.url}/graphql`;
say(`exports (subgraph)   ${exports.url}`);
say(`marketing (subgraph) ${marketing.url}`);
say(`Hive Gateway         ${url}`);

/** @throws with the messages of the errors */
async function send<Data>(query: string, variables: Readonly<Record<string, unknown>>): Promise<Data> {
  say(`\n${query}\n`);
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  // A GraphQL response has this form, and its data has the form of the query.
  const { data, errors } = (await response.json()) as { data: Data; errors?: readonly { message: string }[] };
  if (errors !== undefined) throw new Error(errors.map(({ message }) => message).join('; '));
  say(JSON.stringify(data, null, 2));
  return data;
}

await send(
  `query Joined($job: ID!) {
  exportJob(id: $job) { status campaign { name segment { name } } destination { dataset { name owner } } }
}`,
  { job: pastJob },
);

const { createExportJob } = await send<{
  readonly createExportJob: { readonly exportJob?: { readonly id: string }; readonly message?: string };
}>(
  `mutation Start($dataset: ID!) {
  createExportJob(input: { destination: { target: { datasetId: $dataset } } }) {
    ... on CreateExportJobPayload { exportJob { id } }
    ... on Error { code message }
  }
}`,
  { dataset: profileDataset },
);
if (createExportJob.exportJob === undefined) throw new Error(createExportJob.message);
const { id } = createExportJob.exportJob;
autumn.exportJobId = id;

const query = `subscription Live($ids: [ID!]) {
  exportJobChanged(ids: $ids) { kind job { status metrics { totalExportedProfiles } campaign { name } } }
}`;
say(`\n${query}\n`);
const client = createClient({ url, headers });
for await (const event of client.iterate({ query, variables: { ids: [id] } })) say(JSON.stringify(event));
say('\nThe job has ended, and with it the stream.');

if (options.keep) {
  say(`Everything stays until you press Ctrl-C. Hive Gateway is at ${url}`);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
}
