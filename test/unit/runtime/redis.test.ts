import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { RedisUnavailableError, startRedis } from '../../../src/runtime/redis.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** A server that implements enough of the protocol for connections to become ready, and records the commands. */
class ProtocolServer implements AsyncDisposable {
  readonly sockets = new Set<Socket>();
  readonly commands: string[] = [];
  connections = 0;
  /** Returns the reply to a command, given its name and arguments; null: no reply for now. */
  reply: (command: string) => string | null = () => '+OK';
  readonly #unanswered: (() => void)[] = [];
  readonly #server = createServer((socket) => {
    this.connections += 1;
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (data) => {
      text += data.toString();
      const { commands, rest } = commandsIn(text);
      text = rest;
      for (const command of commands) {
        this.commands.push(command);
        const answer = () => socket.write(`${this.reply(command) ?? '+OK'}\r\n`);
        if (this.reply(command) === null) this.#unanswered.push(answer);
        else answer();
      }
    });
  });

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    // The cast is safe, because the server listens on a port.
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Replies to all commands without a reply. */
  answer(): void {
    this.reply = () => '+OK';
    for (const answer of this.#unanswered.splice(0)) answer();
  }

  named(name: string): readonly string[] {
    return this.commands.filter((command) => command.startsWith(`${name} `));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
  }
}

/** Splits a text into the complete commands, with their arguments, and the rest. No argument contains a line break. */
function commandsIn(text: string): { readonly commands: readonly string[]; readonly rest: string } {
  const lines = text.split('\r\n');
  const commands: string[] = [];
  for (;;) {
    const length = 1 + 2 * Number(lines[0]?.slice(1));
    if (!(lines.length > length)) return { commands, rest: lines.join('\r\n') };
    const parts = lines.splice(0, length);
    commands.push(parts.filter((_, index) => index > 0 && index % 2 === 0).join(' '));
  }
}

async function connect(server: ProtocolServer) {
  const clock = new FakeClock();
  const logged: (readonly [message: unknown, details: unknown])[] = [];
  const note = (details: unknown, message?: string) => void logged.push([message, details]);
  const url = await server.start();
  const redis = startRedis({ url, clock, logger: { info: note, warn: note }, random: () => 0.5 });
  const heard: string[] = [];
  const subscription = redis.subscribe('c', {
    onMessage: (text) => heard.push(text),
    onSubscribed: () => heard.push('+'),
    onLost: () => heard.push('-'),
  });
  return { clock, logged, redis, heard, subscription };
}

describe('connections to Redis', () => {
  it('are closed with it, and leave no timer behind', async () => {
    await using server = new ProtocolServer();
    const { clock, logged, redis, heard } = await connect(server);
    await eventually(() => expect([redis.state, heard]).toEqual(['ready', ['+']]));
    expect(await redis.send((client) => client.sendCommand(['ECHO', 'a']))).toBe('OK');
    expect([clock.pending(), clock.pending('deadline')]).toEqual([0, 0]);
    await redis[Symbol.asyncDispose]();
    await eventually(() => expect(server.sockets.size).toBe(0));
    expect([clock.pending(), clock.pending('deadline')]).toEqual([0, 0]);
    expect(logged.toSorted()).toEqual([
      ['Redis connected', { purpose: 'commands' }],
      ['Redis connected', { purpose: 'subscriptions' }],
    ]);
  });

  it('are closed before they are established', async () => {
    await using server = new ProtocolServer();
    server.reply = () => null;
    const { redis, heard, logged } = await connect(server);
    await eventually(() => expect(server.connections).toBe(2));
    await redis[Symbol.asyncDispose]();
    server.answer();
    await eventually(() => expect(server.sockets.size).toBe(0));
    expect([heard, logged, redis.state]).toEqual([[], [], 'away']);
  });

  it('are established again after a pause if the server is now a replica, and subscribers are notified', async () => {
    await using server = new ProtocolServer();
    const { clock, redis, heard } = await connect(server);
    await eventually(() => expect([redis.state, heard]).toEqual(['ready', ['+']]));
    for (const [restart, pauseMs] of [30, 40, 60].entries()) {
      server.reply = (command) => (command.startsWith('ECHO ') ? '-READONLY a replica' : '+OK');
      const rejected = redis.send((client) => client.sendCommand(['ECHO', 'a']));
      await expect(rejected).rejects.toBeInstanceOf(RedisUnavailableError);
      expect([redis.state, heard.at(-1)]).toEqual(['rejecting', '-']);
      const { connections } = server;
      await clock.advanceBy(pauseMs - 1);
      expect([restart, server.connections]).toEqual([restart, connections]);
      await clock.advanceBy(1);
      await eventually(() => expect([server.connections, heard.at(-1)]).toEqual([connections + 2, '+']));
    }
    const rejected = redis.send((client) => client.sendCommand(['ECHO', 'a']));
    await expect(rejected).rejects.toBeInstanceOf(RedisUnavailableError);
    expect(clock.pending()).toBe(3);
    await redis[Symbol.asyncDispose]();
    expect(clock.pending()).toBe(0);
    await eventually(() => expect(server.sockets.size).toBe(0));
  });

  it('repeat a rejected subscription after a second, and no longer when they are closed', async () => {
    await using server = new ProtocolServer();
    server.reply = (command) => (command.startsWith('subscribe ') ? '-NOPERM no' : '+OK');
    const { clock, redis, heard } = await connect(server);
    await eventually(() => expect([server.named('subscribe').length, redis.state]).toEqual([1, 'rejecting']));
    await clock.advanceBy(999);
    expect(server.named('subscribe')).toHaveLength(1);
    await clock.advanceBy(1);
    await eventually(() => expect(server.named('subscribe')).toHaveLength(2));
    await clock.sleeping(2);
    await redis[Symbol.asyncDispose]();
    expect([clock.pending(), heard]).toEqual([0, []]);
  });

  it('unsubscribe once from a channel without a subscriber', async () => {
    await using server = new ProtocolServer();
    const { redis, heard, subscription } = await connect(server);
    await eventually(() => expect([redis.state, heard]).toEqual(['ready', ['+']]));
    subscription[Symbol.dispose]();
    await eventually(() => expect(server.named('unsubscribe')).toEqual(['unsubscribe c']));
    using _ = redis.subscribe('d', {
      onMessage: () => undefined,
      onSubscribed: () => heard.push('d'),
      onLost: () => undefined,
    });
    await eventually(() => expect(heard).toEqual(['+', 'd']));
    expect(server.named('unsubscribe')).toHaveLength(1);
    await redis[Symbol.asyncDispose]();
  });
});
