import { parseArgs } from 'node:util';
import { build, UnavailableError, versionOf } from './build.ts';
import { type Client, cases, clients } from './clients.ts';
import { examine, notReached } from './examine.ts';
import { type Examined, writeTable } from './table.ts';

/**
 * Runs programs of GraphQL clients in several languages against the gateway. `--only TEXT` selects the clients whose
 * names contain the text, and `--write` writes the results into the documentation. A client whose tools or packages are
 * not available is skipped. The exit code is 1 when a client fails.
 */
const { values } = parseArgs({ options: { only: { type: 'string', default: '' }, write: { type: 'boolean' } } });

const say = (line: string) => void process.stdout.write(`${line}\n`);
const wanted = values.only.toLowerCase();
const examined: Examined[] = [];
for (const client of clients.filter(({ name }) => name.toLowerCase().includes(wanted))) {
  const result = await run(client);
  examined.push(result);
  const { outcome, version } = result;
  if (typeof outcome === 'string') {
    say(`${client.name} ${version}: skipped\n  ${outcome.replaceAll('\n', '\n  ')}`);
    continue;
  }
  const failures = cases.flatMap((name) => (outcome[name] === null ? [] : [`  ${name}: ${outcome[name]}`]));
  say([`${client.name} ${version}: ${failures.length === 0 ? 'passed' : 'failed'}`, ...failures].join('\n'));
  if (failures.length > 0) process.exitCode = 1;
}
if (values.write === true) {
  const order = clients.map(({ name }) => name);
  writeTable(order, examined, new Date().toISOString().slice(0, 10));
}

async function run(client: Client): Promise<Examined> {
  const version = await versionOf(client);
  try {
    return { client, version, outcome: await examine(client.run, await build(client)) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof UnavailableError) return { client, version, outcome: reason };
    return { client, version, outcome: { ...notReached, query: reason } };
  }
}
