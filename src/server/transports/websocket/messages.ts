import type { WebSocket } from 'ws';

/** Messages of one socket that are handled in one turn of the event loop. */
const messagesPerTurn = 16;

/**
 * Handles the messages of a socket in order, a bounded number in each turn of the event loop, because one chunk can
 * contain thousands. The socket is not read while messages wait. An operation that its client completes in the same
 * turn never starts.
 */
export function handleMessages(socket: WebSocket, handle: (text: string) => void): void {
  let waiting: string[] = [];
  let leftInTurn = messagesPerTurn;

  const nextTurn = () => {
    const batch = waiting.slice(0, messagesPerTurn);
    waiting = waiting.slice(messagesPerTurn);
    leftInTurn = messagesPerTurn - batch.length;
    if (batch.length > 0) setImmediate(nextTurn);
    if (waiting.length === 0) socket.resume();
    for (const text of batch) handle(text);
  };
  socket.on('message', (data) => {
    if (leftInTurn === messagesPerTurn) setImmediate(nextTurn);
    if (leftInTurn > 0) {
      leftInTurn -= 1;
      handle(String(data));
      return;
    }
    waiting.push(String(data));
    socket.pause();
  });
}
