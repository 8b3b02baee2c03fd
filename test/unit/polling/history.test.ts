import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ExportJob, ExportJobStatus } from '../../../src/domain/export-job.ts';
import { isTerminalJob } from '../../../src/domain/job.ts';
import { GatewayError, PlatformError, UnauthenticatedError } from '../../../src/errors.ts';
import type { WatchEvent } from '../../../src/events/watch.ts';
import { isSameState } from '../../../src/polling/diff.ts';
import type { FakeClock } from '../../support/fake-clock.ts';
import { type Ask, exportJob, type FakePlatform, type Follower, settle, viewOf } from './fake-platform.ts';
import { ReplicaSetup } from './replica-setup.ts';
import { WatchSetup } from './setup.ts';

const life: readonly ExportJobStatus[] = ['NEW', 'QUEUED', 'PROCESSING', 'SUCCEEDED'];
const firstJobs = ['first-0', 'first-1', 'first-2', 'first-3', 'first-4'];

const asks: readonly Ask[] = [
  {},
  {},
  { matches: ({ status }) => status === 'QUEUED' || status === 'SUCCEEDED' },
  { ids: firstJobs.slice(0, 2) },
];

const command = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 15_000 }) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('advance' as const), pick: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('create' as const), count: fc.constantFrom(1, 1, 2, 130) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), pick: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('nudge' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('expire' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), pick: fc.nat(10) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('come' as const), pick: fc.nat(10) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('trouble' as const), kind: fc.constantFrom('outage', 'refusal', 'none') }),
  },
);

/** A client, which may leave and resume with its cursor. */
interface Client {
  readonly ask: Ask;
  readonly name: string;
  readonly past: WatchEvent<ExportJob>[];
  present: Follower | null;
}

/** The replicas of the clients, as one unit. */
interface Fleet extends AsyncDisposable {
  readonly platform: FakePlatform;
  readonly clock: FakeClock;
  follow(ask: Ask, by: string): Promise<Follower>;
  nudge(): void;
  pass(ms: number): Promise<void>;
  /** Passes the lease of the polling replica on without its notice. */
  expire(): Promise<void>;
}

/** Maximum time that a subscriber waits for its beginning or for an error, in milliseconds. */
const patienceMs = 60_000;

/** Lets time pass until the work is done, because other replicas may go first. */
async function inTime<Value>({ pass }: Pick<ReplicaSetup, 'pass'>, work: Promise<Value>): Promise<Value> {
  let done = false;
  const settled = work.then(
    () => {
      done = true;
    },
    () => {
      done = true;
    },
  );
  await settle();
  for (let passedMs = 0; !done; passedMs += 1_000) {
    if (passedMs > patienceMs) throw new Error('A subscriber waits for ever.');
    await pass(1_000);
    await settle();
  }
  await settled;
  return work;
}

function twoReplicas(): Fleet {
  const setup = new ReplicaSetup();
  let turns = 0;
  const next = () => {
    turns += 1;
    return setup.replicas[turns % 2 === 0 ? 0 : 1];
  };
  const pass = async (ms: number) => {
    await setup.pass(ms);
    await setup.notice();
  };
  return {
    platform: setup.platform,
    clock: setup.clock,
    follow: (ask, by) => inTime({ pass }, next().follow(ask, by)),
    nudge: () => next().nudge(),
    pass,
    expire: () => setup.expire(),
    [Symbol.asyncDispose]: () => setup[Symbol.asyncDispose](),
  };
}

const oneReplica = (): Fleet => Object.assign(new WatchSetup(), { expire: async () => undefined });

it.each([
  { name: 'one replica', make: oneReplica, together: 1 },
  // A replica that has lost its lease without notice completes the reading that it began.
  { name: "two replicas that take each other's lease", make: twoReplicas, together: 2 },
])(
  'with $name every view ends in the state of the platform, without gaps, duplicates and older states, whatever happens',
  async ({ make, together }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 40 }), fc.boolean(), async (commands, manyPages) => {
        await using setup = make();
        const { platform, clock } = setup;
        for (const [index, id] of firstJobs.entries()) platform.put(exportJob(id, 1 + index, 'NEW'));
        if (manyPages) {
          platform.put(
            ...Array.from({ length: 230 }, (_, index) => exportJob(`past-${index}`, 100 + index, 'SUCCEEDED')),
          );
        }
        const clients: Client[] = asks.map((ask, index) => ({ ask, name: `client ${index}`, past: [], present: null }));
        for (const client of clients) await come(setup, client);

        let created = 0;
        const steerable = () => platform.jobs.filter(({ id }) => !id.startsWith('past') && !id.startsWith('bulk'));
        for (const one of commands) {
          switch (one.do) {
            case 'pass':
              await setup.pass(one.ms);
              break;
            case 'advance': {
              const job = steerable()[one.pick % Math.max(1, steerable().length)];
              if (job) platform.set(job.id, life[Math.min(life.indexOf(job.status) + 1, life.length - 1)] ?? 'NEW');
              break;
            }
            case 'create':
              for (let count = 0; count < one.count; count += 1) {
                created += 1;
                const id = one.count > 10 ? `bulk-${created}` : `new-${created}`;
                platform.put(
                  exportJob(id, clock.now().getTime() + created / 1_000, one.count > 10 ? 'SUCCEEDED' : 'NEW'),
                );
              }
              break;
            case 'delete': {
              const job = steerable()[one.pick % Math.max(1, steerable().length)];
              // The client that names the first two must not receive NOT_FOUND for them.
              if (job && !asks[3]?.ids?.includes(job.id)) platform.delete(job.id);
              break;
            }
            // Time passes, because jobs of one millisecond that a round has seen in part cannot be distinguished from
            // older ones.
            case 'nudge':
              setup.nudge();
              await setup.pass(1);
              break;
            case 'expire':
              await setup.expire();
              await setup.pass(1);
              break;
            case 'leave': {
              const client = clients[one.pick % clients.length];
              if (client) leave(client);
              break;
            }
            case 'come': {
              const client = clients[one.pick % clients.length];
              if (client) await come(setup, client);
              break;
            }
            case 'trouble':
              platform.failure = ({ kind, by }) => {
                if (kind === 'prove' || one.kind === 'none') return null;
                if (one.kind === 'outage') return new PlatformError({ status: 503, message: 'out of order' });
                return by === 'client 0' ? new UnauthenticatedError({ message: 'refused' }) : null;
              };
              break;
          }
        }
        platform.failure = () => null;
        for (const client of clients) await come(setup, client);
        await setup.pass(70_000);
        await settle();
        for (const client of clients) {
          const events = [...client.past, ...(client.present?.events ?? [])];
          expectContinuity(events, client.ask);
          expectTruth(viewOf(events), platform.jobs, client.ask);
        }
        expect(platform.mostInFlight).toBeLessThanOrEqual(together);
        for (const client of clients) leave(client);
        await setup.pass(5_000);
        expect(clock.pending()).toBe(0);
      }),
      { numRuns: 60 },
    );
  },
  60_000,
);

function leave(client: Client): void {
  if (client.present === null || client.present.ended === 'completed') return;
  client.present.leave();
  client.past.push(...client.present.events);
  client.present = null;
}

/** Resumes with the cursor of the last event. The client stays away when the platform cannot be read at all. */
async function come(setup: Fleet, client: Client): Promise<void> {
  if (client.present !== null) return;
  const after = client.past.at(-1)?.cursor;
  try {
    client.present = await setup.follow(after === undefined ? client.ask : { ...client.ask, after }, client.name);
  } catch (error) {
    const expected = ['PLATFORM_ERROR', 'UNAUTHENTICATED'];
    if (!(error instanceof GatewayError && expected.includes(error.code))) throw error;
  }
}

function expectContinuity(events: readonly WatchEvent<ExportJob>[], { matches }: Ask): void {
  const last = new Map<string, ExportJob>();
  for (const event of events) {
    if (event.kind === 'RESYNC') last.clear();
    if (event.entity === null) continue;
    const before = last.get(event.entity.id);
    if (event.kind === 'CHANGED' && before !== undefined) {
      expect(life.indexOf(event.entity.status)).toBeGreaterThan(life.indexOf(before.status));
      if (!matches) expect(isSameState(before, event.previous), `gap before ${event.cursor}`).toBe(true);
    }
    if (event.kind === 'CREATED' || event.kind === 'SNAPSHOT') expect(before, `${event.kind} twice`).toBe(undefined);
    if (event.kind === 'REMOVED') last.delete(event.entity.id);
    else last.set(event.entity.id, event.entity);
  }
}

function expectTruth(view: ReadonlyMap<string, ExportJob>, truth: readonly ExportJob[], { ids, matches }: Ask): void {
  const jobs = new Map<string, ExportJob>(truth.map((job) => [job.id, job]));
  for (const [id, seen] of view) {
    const job = jobs.get(id);
    // An entity that left the filter is emitted once, when it leaves. Its later changes are not.
    if (matches && !matches(seen)) continue;
    expect(job && { id, status: job.status }).toEqual({ id, status: seen.status });
  }
  for (const job of truth) {
    const wanted = matches ? matches(job) && !isTerminalJob(job) : !isTerminalJob(job);
    if (wanted && (!ids || ids.includes(job.id))) expect([...view.keys()]).toContain(job.id);
  }
}
