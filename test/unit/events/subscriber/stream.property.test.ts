import fc from 'fast-check';
import { describe, it } from 'vitest';
import type { StaleSubject } from '../../../../src/events/log.ts';
import { Client, type ClientOptions, World } from './stream-model.ts';

const names = ['a', 'b', 'c', 'd'];
/** Clients never name these ids. The log learns them and changes them later. */
const learnable = ['x', 'y'];

const name = fc.constantFrom(...names);
const anyName = fc.constantFrom(...names, ...learnable);
const group = fc.nat(2);
const subject = fc.oneof(
  fc.constantFrom<StaleSubject>('feed', 'list', 'results'),
  name.map((id): StaleSubject => `entity:${id}`),
);
const which = fc.nat(2);

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('create' as const), id: name, group }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('change' as const), id: anyName, group, ends: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('change many' as const), group, subject }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('promote' as const),
      id: name,
      changes: fc.boolean(),
      settles: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), id: name }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('turn' as const), subject }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('mark' as const), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('learn' as const), id: fc.constantFrom(...learnable), group }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), id: anyName }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('epoch' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), seconds: fc.integer({ min: 1, max: 9 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('take' as const), which, count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('take all' as const), which }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('resume' as const), which, lost: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('subscribe' as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('confirm' as const), which }) },
);

const client = fc.record({
  ids: fc.option(fc.subarray(names, { minLength: 1 }), { nil: null }),
  groups: fc.option(fc.subarray([0, 1, 2], { minLength: 1, maxLength: 2 }), { nil: null }),
  endedWithinSeconds: fc.constantFrom(0, 5, 20),
  withResults: fc.boolean(),
});

const run = fc.record({
  isRoomy: fc.boolean(),
  hasMarks: fc.boolean(),
  maxEntries: fc.integer({ min: 2, max: 12 }),
  maxPendingEvents: fc.integer({ min: 1, max: 4 }),
  clients: fc.tuple(client, client, client),
  steps: fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }),
});

/** Lets all work complete that needs no time. */
async function settle(): Promise<void> {
  for (let count = 0; count < 6; count += 1) await Promise.resolve();
}

async function play({
  isRoomy,
  hasMarks,
  maxEntries,
  maxPendingEvents,
  clients: wanted,
  steps,
}: typeof run extends fc.Arbitrary<infer Run> ? Run : never) {
  const world = new World({ maxEntries: isRoomy ? 10_000 : maxEntries, hasMarks });
  const bounds: Pick<ClientOptions, 'isRoomy' | 'maxPendingEvents'> = {
    isRoomy,
    maxPendingEvents: isRoomy ? 10_000 : maxPendingEvents,
  };
  const clients = wanted.map((options) => new Client(world, { ...options, ...bounds }));
  const clientOf = (index: number): Client => clients[index] ?? new Client(world, { ...wanted[0], ...bounds });
  const takeAll = async (one: Client) => {
    while (one.take());
    await settle();
    while (one.take());
  };
  for (const one of steps) {
    switch (one.do) {
      case 'create':
        world.create(one.id, one.group);
        break;
      case 'change':
        world.change(one.id, one.group, one.ends);
        break;
      case 'promote':
        world.promote(one.id, one.changes, one.settles);
        break;
      case 'change many':
        world.changeMany(names, one.group, one.subject);
        break;
      case 'remove':
        world.remove(one.id);
        break;
      case 'turn':
        world.turn(one.subject);
        break;
      case 'mark':
        world.mark(one.on);
        break;
      case 'learn':
        world.learn(one.id, one.group);
        break;
      case 'forget':
        world.forget(one.id);
        break;
      case 'epoch':
        world.begin();
        for (const each of clients) each.onEpoch();
        break;
      case 'pass':
        world.pass(one.seconds);
        break;
      case 'take':
        for (let left = one.count; left > 0 && clientOf(one.which).take(); left -= 1);
        break;
      case 'take all':
        await takeAll(clientOf(one.which));
        break;
      case 'resume': {
        const { received } = clientOf(one.which);
        await clientOf(one.which).open(Math.max(0, received - one.lost));
        break;
      }
      case 'subscribe':
        await clientOf(one.which).open(null);
        break;
      case 'confirm':
        clientOf(one.which).confirm();
        break;
    }
    await settle();
  }
  for (const each of clients) {
    await takeAll(each);
    each.checkAll();
  }
}

describe('a watch stream, compared with a model', () => {
  it('delivers the correct state, completes in time, and alternates STALE and RECOVERED, whatever happens', {
    timeout: 60_000,
  }, async () => {
    await fc.assert(fc.asyncProperty(run, play), { numRuns: 3_000 });
  });
});
