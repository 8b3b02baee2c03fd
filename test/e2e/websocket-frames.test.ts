import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeFrame, type Frame, opcodes, textFrame } from '../support/frames.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { startPlatform } from '../support/platform.ts';
import { RawConnection } from '../support/raw-connection.ts';
import { upgradeRequest } from '../support/upgrade-request.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;

const deep = '['.repeat(25_000) + ']'.repeat(25_000);

/** Whether this version of Node can write the JSON that it can read. Newer versions can, at any depth. */
function canWrite(json: string): boolean {
  try {
    return JSON.stringify(JSON.parse(json)) === json;
  } catch {
    return false;
  }
}

beforeAll(async () => {
  platform = await startPlatform();
  gateway = await startGateway({ platform });
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});

const init = '{"type":"connection_init"}';
const query = JSON.stringify({ id: '1', type: 'subscribe', payload: { query: '{ viewer { authMode } }' } });

/** A WebSocket whose frames the test writes. */
async function open(subprotocols = 'graphql-transport-ws') {
  const connection = await RawConnection.open(gateway.url);
  connection.socket.write(upgradeRequest.replace('graphql-transport-ws', subprotocols));
  await connection.has(/101 Switching Protocols/);
  const send = (...frames: readonly Frame[]) => connection.socket.write(Buffer.concat(frames.map(encodeFrame)));
  return { connection, send };
}

/** The bytes of a close frame, as the test reads them. */
const closeFrame = (code: number) =>
  new RegExp(`\\x88.${Buffer.from([code >> 8, code & 0xff]).toString('latin1')}`, 's');

describe('a WebSocket', () => {
  it('may send a message in fragments, with a ping between them', async () => {
    const { connection, send } = await open();
    await using _ = connection;
    const [head, tail] = [Buffer.from(init.slice(0, 9)), Buffer.from(init.slice(9))];
    send(
      { opcode: opcodes.text, payload: head, fin: false },
      { opcode: opcodes.ping, payload: Buffer.from('between') },
      { opcode: opcodes.continuation, payload: tail },
    );
    await connection.has(/between/);
    await connection.has(/connection_ack/);
  });

  it('may send messages in binary frames', async () => {
    const { connection, send } = await open();
    await using _ = connection;
    send({ opcode: opcodes.binary, payload: Buffer.from(init) });
    await connection.has(/connection_ack/);
    send({ opcode: opcodes.binary, payload: Buffer.from(query) });
    await connection.has(/"EMBEDDED"/);
  });

  it('may offer further subprotocols, with which some clients pass a token', async () => {
    const { connection, send } = await open('graphql-transport-ws, eyJhbGciOiJub25lIn0');
    await using _ = connection;
    send(textFrame(init));
    await connection.has(/connection_ack/);
  });

  it.each<[string, Frame, number]>([
    ['a frame without a mask', { ...textFrame(init), masked: false }, 1002],
    ['a text that is not UTF-8', { opcode: opcodes.text, payload: Buffer.from([0xff, 0xfe]) }, 1007],
    ['a message that is too large', textFrame('x'.repeat(1_000_001)), 1009],
    ['an operation without an id', textFrame(query.replace('"1"', '""')), 4400],
    [
      'an operation whose id has more than 200 characters',
      textFrame(query.replace('"1"', `"${'1'.repeat(201)}"`)),
      4400,
    ],
    ['an operation whose id is a number', textFrame(query.replace('"1"', '1')), 4400],
  ])('is closed for %s', async (_, frame, code) => {
    const { connection, send } = await open();
    await using _connection = connection;
    send(textFrame(init), frame);
    await connection.has(closeFrame(code));
  });

  it('gets a pong with the payload of its ping, or is closed if Node cannot write it', async () => {
    const { connection, send } = await open();
    await using _ = connection;
    send(textFrame(init), textFrame(`{"type":"ping","payload":${deep}}`));
    await connection.has(canWrite(deep) ? /"type":"pong","payload":\[{25000}/ : closeFrame(4400));
  });

  it('may complete an operation and use its id again at once', async () => {
    const { connection, send } = await open();
    await using _ = connection;
    send(textFrame(init));
    await connection.has(/connection_ack/);
    send(textFrame(query), textFrame('{"id":"1","type":"complete"}'), textFrame(query));
    await connection.has(/"EMBEDDED"/);
    await connection.has(/"type":"complete"/);
    expect(connection.received).not.toMatch(closeFrame(4409));
  });

  it('ends when its client closes its half of the connection', async () => {
    const { connection, send } = await open();
    await using _ = connection;
    connection.socket.allowHalfOpen = true;
    send(textFrame(init));
    await connection.has(/connection_ack/);
    connection.socket.end();
    await connection.closed;
  });
});

describe('HTTP/1.0', () => {
  it('needs no header Host, which proxies omit by default', async () => {
    await using connection = await RawConnection.open(gateway.url);
    connection.socket.write('GET /graphql?query=%7Bviewer%7BauthMode%7D%7D HTTP/1.0\r\nconnection: close\r\n\r\n');
    await connection.has(/"EMBEDDED"/);
    await connection.ended;
    expect(connection.statuses).toEqual([200]);
  });

  it('streams events, and ends them with the connection', async () => {
    await using connection = await RawConnection.open(gateway.url);
    const ended = encodeURIComponent('subscription { exportJobChanged(ids: ["24060"]) { kind } }');
    connection.socket.write(`GET /graphql?query=${ended} HTTP/1.0\r\naccept: text/event-stream\r\n\r\n`);
    await connection.has(/event: next/);
    await connection.ended;
    expect(connection.received).not.toMatch(/transfer-encoding/i);
  });
});
