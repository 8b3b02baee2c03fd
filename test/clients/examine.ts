import { isDeepStrictEqual } from 'node:util';
import { FakeClock } from '../support/fake-clock.ts';
import { startGateway } from '../support/gateway.ts';
import { startMovableAddress } from '../support/movable-address.ts';
import { startSteppedPlatform } from '../support/platform.ts';
import { launch, type Program } from '../support/program.ts';
import { bearer, startTokenIssuer } from '../support/token-issuer.ts';
import type { Case, Command } from './clients.ts';
import { expectedDownload, expectedJobs, expectedRejection, type WatchEvent, watchJob } from './reference.ts';

/** Time for all cases of a client, with its pauses before it reconnects. */
const timeoutMs = 90_000;

/** Why a case failed; null after success. */
export type Outcome = Readonly<Record<Case, string | null>>;

export const notReached: Outcome = {
  query: 'not reached',
  mutation: 'not reached',
  subscription: 'not reached',
  download: 'not reached',
};

/**
 * Runs the program of a client against a gateway, through an address that breaks its connections during the
 * subscription. The program receives the address in `GATEWAY_URL` and the caller's token in `GATEWAY_TOKEN`. It writes
 * one line for each result, the name and JSON: `query`, `mutation`, `event` for each event, `end` and `download`.
 */
export async function examine([command, ...args]: Command, cwd: string): Promise<Outcome> {
  const stages = new FakeClock();
  await using platform = await startSteppedPlatform({ clock: stages, profiles: 40 });
  await using issuer = await startTokenIssuer();
  // The shortest interval, so that the subscription receives pings. A client that does not respond is disconnected.
  await using gateway = await startGateway({ platform, env: { ...issuer.env(platform), PING_INTERVAL_MS: '1000' } });
  await using address = await startMovableAddress(gateway.url);
  const token = await issuer.sign();
  const headers = bearer(token);
  const env = { GATEWAY_URL: `${address.url.replace('redis:', 'http:')}/graphql`, GATEWAY_TOKEN: token };

  const rejection = await expectedRejection(gateway, headers);
  const jobs = await expectedJobs(gateway, headers);
  await using program = launch(command, args, { cwd, env, timeoutMs });
  const outcome: Record<Case, string | null> = { ...notReached };
  let current: Case = 'query';
  try {
    outcome.query = difference(await read(program, 'query'), { jobs });
    current = 'mutation';
    const created = { id: 'ExportJob:24073', status: 'NEW' };
    outcome.mutation = difference(await read(program, 'mutation'), { rejected: rejection, created });
    current = 'subscription';
    await using changes = watchJob(gateway, created.id, headers);
    const expected: (WatchEvent | null)[] = [await changes.next()];
    await program.line('event ');
    const before = address.connections;
    // The job does not change, so that these are pings.
    await Promise.race([address.pieces(3), program.succeeded()]);
    if (address.connections !== before) throw new Error('The client did not keep its silent connection.');
    // The job changes while the client has no connection, so that only `after` brings the first change.
    address.hold();
    await stages.tick();
    expected.push(await changes.next());
    address.release();
    await stages.runUntil(program.line('end'));
    for (let event = await changes.next(); event !== null; event = await changes.next()) expected.push(event);
    if (address.connections === before) throw new Error('The client did not connect again.');
    const events = program.lines.filter((line) => line.startsWith('event ')).map((line) => JSON.parse(line.slice(6)));
    outcome.subscription = difference(events, expected);
    current = 'download';
    const download = await read(program, 'download');
    outcome.download = difference(download, await expectedDownload(gateway, created.id, headers));
    await program.succeeded();
  } catch (error) {
    outcome[current] = error instanceof Error ? error.message : String(error);
  }
  return outcome;
}

/** The result that the program writes after this name. */
async function read(program: Program, name: string): Promise<unknown> {
  const line = await program.line(`${name} `);
  return JSON.parse(line.slice(name.length + 1));
}

function difference(actual: unknown, expected: unknown): string | null {
  return isDeepStrictEqual(actual, expected)
    ? null
    : `received ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`;
}
