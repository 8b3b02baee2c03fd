import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { RequestMemory } from '../../../../../src/context/request-memory.ts';
import type { SubscriptionEnd } from '../../../../../src/metrics/subscriptions.ts';
import { requestIdOf } from '../../../../../src/runtime/request-id.ts';
import {
  type ConnectionRegistry,
  createConnectionRegistry,
} from '../../../../../src/server/connections/connection-registry.ts';
import { maxBufferedBytes } from '../../../../../src/server/connections/send-buffers.ts';
import { KeepAliveSocket } from '../../../../../src/server/transports/websocket/keep-alive.ts';
import { defaultPingInterval } from '../../../../support/default-config.ts';
import { eventually } from '../../../../support/eventually.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { quietSendBuffers } from '../../../../support/send-buffers.ts';
import { testSession } from '../../../../support/session.ts';

let server: WebSocketServer;
let client: WebSocket;
let served: WebSocket;
let stream: Socket;
let clock: FakeClock;
let connections: ConnectionRegistry;
let sender: KeepAliveSocket;
let memory: RequestMemory;

beforeEach(async () => {
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  // A server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  const connected = once(server, 'connection');
  client = new WebSocket(`ws://127.0.0.1:${port}`);
  await once(client, 'open');
  const [socket, request] = await connected;
  served = socket;
  stream = request.socket;
  clock = new FakeClock();
  connections = createConnectionRegistry({ ...defaultPingInterval, clock });
  memory = new RequestMemory({ isAccepted: () => true });
  const holdMemory = memory.hold.bind(memory);
  sender = new KeepAliveSocket(served, { connections, buffers: quietSendBuffers(clock), clock, holdMemory, stream });
});
afterEach(async () => {
  client.terminate();
  for (const socket of server.clients) socket.terminate();
  await new Promise((resolve) => server.close(resolve));
});

const large = 'x'.repeat(1024 * 1024);
/** More than the limit and the network hold together. */
const tooMany = 2 * Math.ceil(maxBufferedBytes / large.length);
/** The connection under a socket of ws, which has no public access to it. */
const rawSocketOf = (socket: WebSocket): Socket => (socket as unknown as { readonly _socket: Socket })._socket;
const closeTwice = () => {
  sender.close(4403, 'Forbidden', 'forbidden');
  sender.cut();
};
const closed = (socket: WebSocket) => once(socket, 'close').then(([code]) => code);

describe('a socket', () => {
  it.each<[string, () => void]>([
    ['is being closed', () => sender.close(1000, '', 'failed')],
    ['has lost its connection', () => stream.destroy()],
  ])('that %s is not open any more, before it is closed', (_, end) => {
    expect(sender.open).toBe(true);
    end();
    expect(served.readyState).not.toBe(WebSocket.CLOSED);
    expect(sender.open).toBe(false);
  });

  it('a socket makes senders wait until the client reads', async () => {
    client.pause();
    let sent = 0;
    const sending = (async () => {
      for (; sent < tooMany; sent += 1) await sender.send(large);
    })();
    await eventually(() => expect(served.bufferedAmount).toBeGreaterThan(0));
    expect(served.bufferedAmount).toBeLessThan(2 * large.length);
    expect(sent).toBeLessThan(tooMany);
    client.resume();
    await sending;
    expect(served.readyState).toBe(WebSocket.OPEN);
  });

  it('a socket sends the messages of one turn in one write', async () => {
    for (const text of ['a', 'b', 'c']) expect(sender.send(text)).toBeUndefined();
    expect(stream.writableCorked).toBe(1);
    const received: string[] = [];
    client.on('message', (data) => received.push(String(data)));
    await turn();
    expect(stream.writableCorked).toBe(0);
    await eventually(() => expect(received).toEqual(['a', 'b', 'c']));
  });

  it('is closed with a code that clients retry when too much waits to be read', async () => {
    client.pause();
    const sent = Promise.all(Array.from({ length: tooMany }, () => sender.send(large)));
    expect(served.readyState).toBe(WebSocket.CLOSING);
    expect(served.bufferedAmount).toBeLessThan(maxBufferedBytes + 2 * large.length);
    const code = closed(client);
    client.resume();
    expect(await code).toBe(1013);
    await sent;
  });

  it('is cut off when its client does not respond to the close', async () => {
    client.pause();
    void sender.send(large.repeat(8));
    sender.close(1001, 'Going away.', 'shutting_down');
    await clock.advanceBy(1_999);
    expect(served.readyState).toBe(WebSocket.CLOSING);
    const code = closed(served);
    await clock.advanceBy(1);
    expect(await code).toBe(1006);
    expect(clock.pending('deadline')).toBe(0);
  });

  it('is closed with 1001 by the drain', async () => {
    const code = closed(client);
    await connections.drain(0);
    expect(await code).toBe(1001);
  });

  it.each<[SubscriptionEnd, string, () => unknown]>([
    ['client_closed', 'its client sends a close frame', () => client.close()],
    ['disconnected', 'its client disappears', () => client.terminate()],
    [
      'unresponsive',
      'its client responds to no ping',
      async () => {
        client.pause();
        for (const _ of [1, 2]) await clock.advanceBy(defaultPingInterval.pingIntervalMs);
      },
    ],
    ['too_slow', 'too many bytes wait', () => sender.cut()],
    ['shutting_down', 'the gateway drains', () => connections.drain(0)],
    [
      'protocol_error',
      'its client sends a frame with a reserved opcode',
      // A client masks its frames.
      () => {
        // ws closes the socket itself, and reports the violation.
        served.on('error', () => {});
        rawSocketOf(client).write(Buffer.from([0x83, 0x80, 0, 0, 0, 0]));
      },
    ],
    ['forbidden', 'the gateway closes it, and its client disappears', () => closeTwice()],
  ])('reports %s as the reason for the end of its subscriptions when %s', async (reason, _, end) => {
    // `once` of node:events would reject with the violation of the protocol.
    const over = new Promise((resolve) => served.on('close', resolve));
    await end();
    await over;
    expect(sender.end).toBe(reason);
  });

  it('knows before it is closed whether its client has sent a close frame or disappeared', async () => {
    served.once('message', () => stream.destroy());
    client.send('x');
    await eventually(() => expect(sender.open).toBe(false));
    expect(sender.end).toBe('disconnected');
  });

  it('a socket ignores messages after it was closed', async () => {
    client.terminate();
    await closed(served);
    await sender.send('late');
    sender.close(1000, '', 'failed');
  });
});

describe('a message that has not completely arrived', () => {
  const mebibyte = 1024 * 1024;
  const part = () => Buffer.alloc(mebibyte);
  /** Whether the caller has 64 MiB for other requests. */
  const isFree = () => {
    using hold = memory.hold(testSession());
    try {
      hold.grow(64 * mebibyte);
      return true;
    } catch {
      return false;
    }
  };

  it('counts toward the memory of its caller until it is complete, or its socket is closed', async () => {
    sender.belongsTo(testSession(), requestIdOf('request-1'));
    client.send(part(), { fin: false });
    await eventually(() => expect(isFree()).toBe(false));
    const message = once(served, 'message');
    client.send(part(), { fin: true });
    await message;
    await eventually(() => expect(isFree()).toBe(true));
    client.send(part(), { fin: false });
    await eventually(() => expect(isFree()).toBe(false));
    client.terminate();
    await eventually(() => expect(isFree()).toBe(true));
  });

  it('closes its socket if the caller has too many of them', async () => {
    using _ = memory.hold(testSession());
    _.grow(64 * mebibyte - 1_000);
    sender.belongsTo(testSession(), requestIdOf('request-1'));
    const closed = once(client, 'close');
    client.send(part(), { fin: false });
    expect(await closed).toEqual([1013, Buffer.from('Too many incomplete messages.')]);
  });
});
