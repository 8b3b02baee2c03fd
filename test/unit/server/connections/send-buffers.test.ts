import { describe, expect, it } from 'vitest';
import { requestIdOf } from '../../../../src/runtime/request-id.ts';
import { principalBytes, totalBytes } from '../../../../src/server/connections/send-buffers.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { quietSendBuffers } from '../../../support/send-buffers.ts';

const setUp = () => {
  const clock = new FakeClock();
  const buffers = quietSendBuffers(clock);
  const cut: string[] = [];
  /** A connection whose client reads nothing until the test releases it. */
  const connect = (name: string, principal?: string) => {
    const state = { waitingBytes: 0, progress: 0, cut: () => void cut.push(name) };
    const counted = buffers.add(state, principal);
    return {
      ...counted,
      write: (bytes: number) => {
        state.waitingBytes += bytes;
        counted.written();
      },
      read: (bytes: number) => {
        state.waitingBytes -= bytes;
        state.progress += bytes;
      },
      end: () => counted[Symbol.dispose](),
    };
  };
  return { clock, cut, connect, size: () => buffers.size };
};

describe('a client that reads nothing', () => {
  it('is disconnected after 30 seconds, and not before', async () => {
    const { clock, cut, connect } = setUp();
    connect('a', 'x').write(1);
    await clock.advanceBy(29_999);
    expect(cut).toEqual([]);
    await clock.advanceBy(1);
    expect(cut).toEqual(['a']);
    expect(clock.pending('deadline')).toBe(0);
  });

  it('is disconnected although more is written for it meanwhile', async () => {
    const { clock, cut, connect } = setUp();
    const client = connect('a', 'x');
    for (let second = 0; second < 30; second += 1) {
      client.write(1);
      await clock.advanceBy(1_000);
    }
    expect(cut).toEqual(['a']);
  });

  it('a client that reads a little from time to time, or that received nothing, stays connected', async () => {
    const { clock, cut, connect } = setUp();
    connect('idle', 'x');
    const slow = connect('slow', 'x');
    slow.write(100);
    for (let count = 0; count < 10; count += 1) {
      await clock.advanceBy(20_000);
      slow.read(1);
    }
    expect(cut).toEqual([]);
  });

  it('has time again after it has read everything', async () => {
    const { clock, cut, connect } = setUp();
    const client = connect('a', 'x');
    client.write(1);
    await clock.advanceBy(25_000);
    client.read(1);
    await clock.advanceBy(5_000);
    client.write(1);
    await clock.advanceBy(29_999);
    expect(cut).toEqual([]);
    await clock.advanceBy(5_000);
    expect(cut).toEqual(['a']);
  });
});

describe('a caller that leaves too much unread', () => {
  it('loses the connection that has taken nothing for longest, and no other caller does', async () => {
    const { clock, cut, connect } = setUp();
    const [first, second, other] = [connect('first', 'x'), connect('second', 'x'), connect('other', 'y')];
    other.write(principalBytes);
    first.write(principalBytes / 2);
    await clock.advanceBy(1_000);
    second.write(principalBytes / 2);
    expect(cut).toEqual([]);
    second.write(1);
    expect(cut).toEqual(['first']);
  });

  it('loses the largest of those that have waited equally long', async () => {
    const { clock, cut, connect } = setUp();
    const [small, large, last] = [connect('small', 'x'), connect('large', 'x'), connect('last', 'x')];
    small.write(1);
    large.write(principalBytes - 1);
    await clock.advanceBy(1_000);
    last.write(1);
    expect(cut).toEqual(['large']);
  });

  it('keeps connections that are read, up to twice the bound', async () => {
    const { clock, cut, connect } = setUp();
    const clients = ['a', 'b', 'c', 'd'].map((name) => connect(name, 'x'));
    for (const client of clients) client.write(principalBytes / 2);
    await clock.advanceBy(999);
    for (const client of clients) client.read(1);
    clients[0]?.write(4);
    expect(cut).toEqual([]);
    clients[0]?.write(1);
    expect(cut).toHaveLength(1);
  });

  it('is counted under its name as soon as the name is known', async () => {
    const { clock, cut, connect } = setUp();
    const early = connect('early');
    early.write(principalBytes + 1);
    await clock.advanceBy(1_000);
    early.write(1);
    expect(cut).toEqual([]);
    early.belongsTo('x');
    connect('late', 'x').write(1);
    expect(cut).toEqual(['early']);
  });
});

it('a line about a closed connection contains the id of its request', async () => {
  const clock = new FakeClock();
  const lines: unknown[] = [];
  using buffers = quietSendBuffers(clock, { write: (line) => void lines.push(JSON.parse(line)) });
  const buffer = { waitingBytes: principalBytes + 1, progress: 0, cut: () => {} };
  buffers.add(buffer, 'one', requestIdOf('known')).written();
  const later = buffers.add(buffer);
  later.belongsTo('other', requestIdOf('later'));
  later.written();
  await clock.advanceBy(30_000);
  const line = { level: 'info', waitingBytes: principalBytes + 1 };
  expect(lines).toMatchObject(['known', 'later'].map((requestId) => ({ ...line, requestId })));
});

describe('all callers together', () => {
  it('connections of any caller are closed above the total', async () => {
    const { clock, cut, connect } = setUp();
    const count = totalBytes / principalBytes;
    for (let index = 0; index < count; index += 1) {
      connect(String(index), `caller ${index}`).write(principalBytes);
      await clock.advanceBy(1_000);
    }
    expect(cut).toEqual([]);
    connect('last').write(1);
    expect(cut).toEqual(['0']);
  });
});

describe('the counted buffers', () => {
  it('leaves nothing behind when connections end', async () => {
    const { clock, cut, connect, size } = setUp();
    const named = connect('named');
    named.belongsTo('caller 0');
    expect(size()).toEqual({ buffers: 1, callers: 1 });
    named.belongsTo('caller 1');
    expect(size()).toEqual({ buffers: 1, callers: 1 });
    named.end();
    for (let index = 0; index < 100; index += 1) {
      const client = connect(String(index), `caller ${index % 3}`);
      client.write(principalBytes);
      client.end();
      client.write(principalBytes);
      client.end();
    }
    expect(size()).toEqual({ buffers: 0, callers: 0 });
    expect(clock.pending('deadline')).toBe(0);
    expect(cut).toEqual([]);
  });
});
