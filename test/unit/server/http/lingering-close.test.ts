import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Server, type Socket, createServer as serveSockets } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { endFailedConnection } from '../../../../src/server/http/client-error.ts';
import { createLingering, lingerBeforeClosing } from '../../../../src/server/http/lingering-close.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

/** Connects a client to a server that listens on a free port, and ends both. */
async function connected(server: Server) {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on a port has an address of this form.
  const { port } = server.address() as AddressInfo;
  const client = connect(port, '127.0.0.1');
  return {
    client,
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

it('a connection that its client closes in time leaves no deadline', async () => {
  const clock = new FakeClock();
  const server = serveSockets((socket) => {
    socket.resume().end('response');
    lingerBeforeClosing(socket, clock);
  });
  await using connection = await connected(server);
  expect(String(await buffer(connection.client))).toBe('response');
  await eventually(() => expect(clock.pending('deadline')).toBe(0));
});

it('a connection is used again after bodies that came late, and keeps nothing of them', async () => {
  const clock = new FakeClock();
  const lingering = createLingering(clock);
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    sockets.add(request.socket);
    lingering.limit(request, response);
    response.end('early');
  }).on('connection', (socket: Socket) => lingering.attach(socket));
  await using connection = await connected(server);
  const listeners: number[] = [];
  for (let count = 0; count < 5; count += 1) {
    connection.client.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n');
    await once(connection.client, 'data');
    await eventually(() => expect(clock.pending('deadline')).toBe(1));
    connection.client.write('body');
    await eventually(() => expect(clock.pending('deadline')).toBe(0));
    listeners.push(...[...sockets].map((socket) => socket.listenerCount('close')));
  }
  expect(new Set(listeners).size).toBe(1);
  expect(listeners).toHaveLength(5);
});

it('a connection on which a response has begun is broken off, without another response', async () => {
  const server = serveSockets((socket) => {
    socket.write('begun', () =>
      endFailedConnection(socket, new Error('malformed'), { clock: new FakeClock(), begun: true }),
    );
  });
  await using connection = await connected(server);
  connection.client.on('error', () => {});
  expect(String(await buffer(connection.client))).toBe('begun');
});
