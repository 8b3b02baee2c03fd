import type { SharedResult } from './shared-result.ts';
import type { SocketSender } from './socket.ts';

/**
 * Sends a result to one subscriber, past everything that stands between the stream and its transport. What is returned
 * resolves when there is room for the next one; undefined: there is.
 */
export type DirectDelivery = (result: SharedResult) => Promise<void> | undefined;

/** Sends shared results as the messages that `graphql-ws` would send, which would make text of each of them anew. */
export function deliverOver(send: SocketSender['send'], id: string): DirectDelivery {
  const head = `{"id":${JSON.stringify(id)},"type":"next","payload":`;
  return (result) => send(`${head}${result.stringify(result)}}`);
}
