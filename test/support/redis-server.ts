import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { endWithThisProcess } from './end-with-this-process.ts';

/** A Redis server for one test. It keeps its address when it is killed and started again. */
export interface RedisUnderTest extends AsyncDisposable {
  readonly url: string;
  /** Kills the server with SIGKILL. Its clients are not notified, and its data is lost. */
  kill(): Promise<void>;
  /** Starts it again, without data. */
  start(): Promise<void>;
  /** Holds back all traffic until `resume`, like a hung server or network. */
  pause(): void;
  resume(): void;
  /** Sends a command over a separate connection, which `pause` does not affect. Returns the first line of the reply. */
  command(text: string): Promise<string>;
  /** Cuts all connections. New ones can be made immediately. */
  cut(): void;
}

export const isRedisInstalled = spawnSync('redis-server', ['--version']).status === 0;

/** Starts a server without persistence, reachable only from this machine. */
export async function startRedisServer(): Promise<RedisUnderTest> {
  const directory = await mkdtemp(join(tmpdir(), 'redis-'));
  const path = join(directory, 'socket');
  let server = await spawnRedis(directory, path);

  const links = new Set<{ readonly near: Socket; readonly far: Socket }>();
  let paused = false;
  // The server cannot choose a free port itself, so it listens on a Unix socket in its directory, and this server
  // forwards to it.
  const door = createServer({ noDelay: true }, (near) => {
    const far = connect(path);
    const link = { near, far };
    links.add(link);
    const end = () => {
      links.delete(link);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
    near.on('data', (chunk) => void far.write(chunk));
    far.on('data', (chunk) => void near.write(chunk));
    if (paused) hold(link, true);
  });
  await once(door.listen(0, '127.0.0.1'), 'listening');
  // The assertion holds because a server that listens on a port has an address of this form.
  const { port } = door.address() as AddressInfo;

  const holdAll = (on: boolean) => {
    paused = on;
    for (const link of links) hold(link, on);
  };
  const cut = () => {
    for (const { near } of links) near.destroy();
  };
  const kill = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'close');
    server.kill('SIGKILL');
    await ended;
    cut();
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    kill,
    start: async () => {
      await kill();
      server = await spawnRedis(directory, path);
    },
    pause: () => holdAll(true),
    resume: () => holdAll(false),
    cut,
    command: async (text) => {
      const socket = connect(path);
      socket.write(`${text}\r\n`);
      const [reply] = await once(createInterface({ input: socket }), 'line');
      socket.destroy();
      return String(reply);
    },
    [Symbol.asyncDispose]: async () => {
      cut();
      const closed = once(door, 'close');
      door.close();
      await Promise.all([closed, kill()]);
      await rm(directory, { recursive: true });
    },
  };
}

function hold({ near, far }: { readonly near: Socket; readonly far: Socket }, on: boolean): void {
  for (const socket of [near, far]) {
    if (on) socket.pause();
    else socket.resume();
  }
}

async function spawnRedis(directory: string, path: string): Promise<ChildProcessByStdio<null, Readable, null>> {
  const options = ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no', '--dir', directory];
  const child = endWithThisProcess(
    spawn('redis-server', options, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  const lines = createInterface({ input: child.stdout });
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      if (line.includes('ready to accept connections') || line.includes('Ready to accept connections')) resolve();
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)));
  });
  return child;
}
