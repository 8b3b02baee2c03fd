import { EventEmitter } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { handleMessages } from '../../../../../src/server/transports/websocket/messages.ts';

const setUp = () => {
  const calls: string[] = [];
  const socket = Object.assign(new EventEmitter(), {
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume'),
  });
  const handled: number[] = [];
  // Of a socket, only these members are used.
  handleMessages(socket as unknown as WebSocket, (text) => handled.push(Number(text)));
  let sent = 0;
  const send = (count: number) => {
    for (const end = sent + count; sent < end; sent += 1) socket.emit('message', Buffer.from(String(sent)));
  };
  return { calls, handled, send };
};

describe('the messages of a socket', () => {
  it('are handled at once when there are few', async () => {
    const { calls, handled, send } = setUp();
    send(16);
    expect(handled).toHaveLength(16);
    await turn();
    send(16);
    expect(handled).toHaveLength(32);
    expect(calls).not.toContain('pause');
  });

  it('are handled in order, at most 16 in a turn, and the socket is not read meanwhile', async () => {
    const { calls, handled, send } = setUp();
    send(50);
    expect(handled).toHaveLength(16);
    expect(calls.at(-1)).toBe('pause');
    await turn();
    expect(handled).toHaveLength(32);
    expect(calls.at(-1)).toBe('pause');
    send(1);
    expect(handled).toHaveLength(32);
    await turn();
    expect(handled).toHaveLength(48);
    await turn();
    expect(handled).toEqual(Array.from({ length: 51 }, (_, index) => index));
    expect(calls.at(-1)).toBe('resume');
    // Thirteen more fit into this turn.
    send(13);
    expect(handled).toHaveLength(64);
    send(1);
    expect(handled).toHaveLength(64);
    await turn();
    expect(handled).toHaveLength(65);
  });
});
