import { describe, expect, it } from 'vitest';
import type { CallbackClient } from '../../../../../src/server/transports/callbacks/client.ts';
import { RouterSlots } from '../../../../../src/server/transports/callbacks/router-slots.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { testLog } from '../../../../support/records.ts';

const { signal: never } = new AbortController();
const turn = () => new Promise((resolve) => setImmediate(resolve));

function setUp() {
  const clock = new FakeClock();
  const open = new Set<object>();
  const client: CallbackClient = {
    connect: () => {
      const connection = {};
      open.add(connection);
      return {
        send: async () => 'taken',
        [Symbol.dispose]: () => void open.delete(connection),
      };
    },
    [Symbol.asyncDispose]: async () => {},
  };
  const slots = new RouterSlots({ client, clock });
  const take = (organization: string, router: number, signal: AbortSignal = never) => {
    const url = new URL(`http://router-${router}.example/callback/1`);
    const target = { url, id: '1', verifier: '', heartbeatMs: 0 };
    return slots.take({ organization, principal: organization, target, log: testLog() }, signal);
  };
  return { clock, open, take };
}

/** Takes slots for new routers, half of the total for each of two organizations. */
async function fill(take: ReturnType<typeof setUp>['take']) {
  const held: Disposable[] = [];
  for (let router = 0; router < 256; router += 1) held.push(await take(router < 128 ? 'a' : 'b', router));
  return held;
}

describe('the slots of routers with running subscriptions', () => {
  it('are kept by routers that have one, while new routers wait until a slot is free', async () => {
    const { clock, open, take } = setUp();
    const held = await fill(take);
    // Another subscription of a router that has a slot.
    const second = await take('c', 0);
    let taken = false;
    const waiting = take('c', 256).then((connection) => {
      taken = true;
      return connection;
    });
    held[0]?.[Symbol.dispose]();
    await turn();
    expect([taken, open.size]).toEqual([false, 256]);
    second[Symbol.dispose]();
    (await waiting)[Symbol.dispose]();
    for (const connection of held) connection[Symbol.dispose]();
    expect([open.size, clock.pending('deadline')]).toEqual([0, 0]);
  });

  it('are not all for one organization', async () => {
    const { clock, take } = setUp();
    for (let router = 0; router < 128; router += 1) await take('a', router);
    const rejected = expect(take('a', 128)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    await take('b', 129);
    await clock.advanceBy(12_000);
    await rejected;
  });

  it('are one for two subscriptions of a new router that wait together', async () => {
    const { take } = setUp();
    const held = await fill(take);
    const waiting = [take('c', 256), take('c', 256)];
    held[0]?.[Symbol.dispose]();
    held[1]?.[Symbol.dispose]();
    const connections = await Promise.all(waiting);
    // The other slot is still free.
    const other = await take('c', 257);
    for (const connection of [...connections, other]) connection[Symbol.dispose]();
    for (const router of [300, 301]) await take('c', router);
    await expect(Promise.race([take('c', 302), turn().then(() => 'waits')])).resolves.toBe('waits');
  });

  it('are counted again for a router that has had a slot before', async () => {
    const { take } = setUp();
    for (const connection of await fill(take)) connection[Symbol.dispose]();
    const held = await fill(take);
    await expect(Promise.race([take('c', 256), turn().then(() => 'waits')])).resolves.toBe('waits');
    for (const connection of held) connection[Symbol.dispose]();
  });
});
