import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, it } from 'vitest';

/** A program that starts another one, which ignores SIGTERM. Both keep a connection open for as long as they live. */
const program = (port: number) => `
  const [, other] = process.argv;
  if (other === undefined) {
    require('node:child_process').spawn(process.execPath, ['-e', process.env.PROGRAM, 'other'], { stdio: 'inherit' });
  } else {
    process.on('SIGTERM', () => {});
  }
  require('node:net').connect(${port}, '127.0.0.1');`;

/** Starts it like a test, and never ends it. */
const test = `
  import { launch } from './test/support/program.ts';
  const { PROGRAM } = process.env;
  launch(process.execPath, ['-e', PROGRAM], { cwd: process.cwd() });`;

it('ends programs and what they have started with the process that started them, even if it is killed', async () => {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  // The assertion holds because a server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  const sockets: Socket[] = [];
  server.on('connection', (socket) => {
    // A killed program may reset its connection.
    socket.on('error', () => {});
    socket.resume();
    sockets.push(socket);
  });
  const runner = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', test], {
    env: { ...process.env, PROGRAM: program(port) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  while (sockets.length < 2) await once(server, 'connection');
  const ends = sockets.map((socket) => once(socket, 'close'));
  runner.kill('SIGKILL');
  expect(await Promise.all(ends)).toHaveLength(2);
  server.close();
});
