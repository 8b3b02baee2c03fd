/**
 * Measures live views: the CPU per message, the memory of an idle subscriber, and the delay until the last subscriber
 * receives an event.
 *
 * Two servers are compared, each in a separate process that is new for each number of subscribers. The first is the
 * gateway with its production configuration (without limits per caller) in front of the emulator. The second is
 * graphql-ws as in its documentation, which executes each event for each subscriber with the same schema, document and
 * events, from its own memory. Each subscriber has one WebSocket. The subscribers run in another process, the emulator
 * in this one. Export jobs are created directly on the platform, with as many events as a machine with two cores can
 * handle. The plain server sends the events of the gateway, in the same number of bursts.
 *
 * CPU is user and system time of the server's process in the measured rounds, divided by the number of messages. The
 * share of polling is the CPU of the same process just before, with one subscriber that receives no event. Memory is
 * the growth of the resident set and of the heap per subscriber, after a full collection, once every subscriber has the
 * snapshot. Delays are measured from `observedAt`, when the server learned of a change, to the arrival at each
 * subscriber; in the gateway, the wait for the next poll comes before that. `LIVE_SUBSCRIBERS=1,100` measures other
 * numbers. `LIVE_PROFILE=FOLDER` writes CPU profiles of the servers, which increases their figures.
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
/** Relative to the repository root, where npm runs its scripts. */
const results = 'test/bench/results';

/** Each stage takes about one round, so that a job causes about one event per stage. */
const pace = everyStage([1_500, 2_500]);
await using platform = await startEmulator({ profiles: 200, pace });

const machine = `${cpus().length} cores, Node ${process.version}`;
mkdirSync(results, { recursive: true });
const rows: Row[] = [];
for (const count of counts) {
  const [gateway, received] = await measureGateway(platform, count);
  rows.push(gateway, await measurePlain(count, received));
  // Written after each row, so that an interrupted run leaves its results.
  writeFileSync(
    join(results, 'live.md'),
    `# Live views\n\n${machine}\n\n${table(rows)}\n\n![CPU per message](live.svg)\n`,
  );
  writeFileSync(join(results, 'live.svg'), plot(rows));
  process.stdout.write(`${count} subscribers: done\n`);
}
process.stdout.write(`\n${table(rows)}\n`);
