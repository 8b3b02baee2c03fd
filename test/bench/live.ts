/**
 * Live views: the CPU of a message, the memory of a silent subscriber, and the delay until the last subscriber knows.
 *
 * Two servers, each in a process of its own and new for each number of subscribers: the gateway with its production
 * configuration (without limits on one caller) in front of the emulator, and graphql-ws as its documentation sets it up,
 * which executes each event for each subscriber with the same schema, document and events, out of its own memory.
 * Subscribers have one WebSocket each, in another process; the emulator is in this one. Export jobs are created straight
 * on the platform; as many events are caused as a machine of two cores can take. The plain server sends the events of the
 * gateway, in as many bursts.
 *
 * CPU is user and system time of the server's process in the measured rounds, over the messages in them. The share of
 * polling is the CPU of the same process just before, with one subscriber that receives no event. Memory is the
 * growth of the resident set and of the heap per subscriber, after a full collection, once every subscriber has the
 * snapshot. Delays run from `observedAt`, when the server learned of a change, to the arrival at each subscriber; at the
 * gateway, the wait for the next poll comes before that. `LIVE_SUBSCRIBERS=1,100` measures other numbers.
 * `LIVE_PROFILE=FOLDER` writes CPU profiles of the servers, whose figures are then higher.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { startEmulator } from '../../src/emulator/emulator.ts';
import { everyStage } from '../support/pace.ts';
import { measureGateway, measurePlain, type Row } from './live/measure.ts';
import { plot, table } from './live/report.ts';

const defaultCounts = '1,10,100,1000,5000,10000';
const counts = (process.env['LIVE_SUBSCRIBERS'] ?? defaultCounts).split(',').map(Number);
/** From the folder of the repository, where npm runs its scripts. */
const results = 'test/bench/results';

/** Each stage takes about one round, so that one job makes about one event in each. */
const pace = everyStage([1_500, 2_500]);
await using platform = await startEmulator({ profiles: 200, pace });

const machine = `${cpus().length} cores, Node ${process.version}`;
mkdirSync(results, { recursive: true });
const rows: Row[] = [];
for (const count of counts) {
  const [gateway, received] = await measureGateway(platform, count);
  rows.push(gateway, await measurePlain(count, received));
  // After each, so that an interrupted run leaves its results.
  writeFileSync(
    join(results, 'live.md'),
    `# Live views\n\n${machine}\n\n${table(rows)}\n\n![CPU per message](live.svg)\n`,
  );
  writeFileSync(join(results, 'live.svg'), plot(rows));
  process.stdout.write(`${count} subscribers: done\n`);
}
process.stdout.write(`\n${table(rows)}\n`);
