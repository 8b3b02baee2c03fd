import fc from 'fast-check';
import { decodeFrames, encodeFrame, type Frame, opcodes, textFrame } from '../support/frames.ts';
import { faultOfError, faultOfResult, memberOf } from './expectations.ts';
import { hostileText, hostileValue } from './hostile-values.ts';
import type { Ending } from './raw-connection.ts';

/** Actions of a client on one WebSocket, after the handshake. */
export interface SocketScript {
  readonly frames: readonly Frame[];
  /** Number of bytes of its last frame that are never sent. */
  readonly cut: number;
  readonly ending: Ending;
}

const subscription = 'subscription { exportJobChanged { kind job { id } } }';
const documents = [
  subscription,
  '{ viewer { authMode } }',
  'mutation { deleteDataset(id: "ffffffffffffffffffffffff") { __typename } }',
  'subscription { segmentJobChanged { kind } }',
  'subscription { scheduleChanged { kind } }',
  'subscription { exportJobChanged(ids: ["nonsense"]) { kind } }',
  'subscription { exportJobChanged(after: "\\ud800") { kind } }',
  '{ exportJobs(first: 0) { nodes { id } } }',
  '{',
  '',
];

/** Few ids, so that many operations share one. */
const id = fc.oneof({ weight: 6, arbitrary: fc.constantFrom('1', '2', '') }, { weight: 1, arbitrary: hostileText });

const connectionParams: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      undefined,
      null,
      {},
      { 'x-sandbox-name': 'prod' },
      { headers: { 'x-sandbox-name': 'dev' } },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record(
      { authorization: hostileValue, 'x-sandbox-name': hostileValue, headers: hostileValue },
      { requiredKeys: [] },
    ),
  },
  { weight: 1, arbitrary: hostileValue },
);

const init = connectionParams.map((payload) => ({ type: 'connection_init', payload }));
const goodInit = fc.constant({ type: 'connection_init' });

const payload: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...documents).map((query) => ({ query })) },
  {
    weight: 2,
    arbitrary: fc.record(
      {
        query: fc.constantFrom(...documents),
        variables: hostileValue,
        operationName: hostileValue,
        extensions: hostileValue,
      },
      { requiredKeys: ['query'] },
    ),
  },
  { weight: 1, arbitrary: hostileValue },
);

const message: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 2, arbitrary: init },
  { weight: 8, arbitrary: fc.record({ id, type: fc.constant('subscribe'), payload }) },
  { weight: 3, arbitrary: fc.record({ id, type: fc.constant('complete') }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constantFrom('ping', 'pong'), payload: hostileValue }, { requiredKeys: ['type'] }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      id,
      type: fc.constantFrom('next', 'error', 'connection_ack', 'start', '__proto__'),
      payload,
    }),
  },
  { weight: 1, arbitrary: hostileValue },
);

const text = fc.oneof(
  { weight: 20, arbitrary: message.map((value) => JSON.stringify(value) ?? '') },
  { weight: 1, arbitrary: hostileText },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      '{',
      '[]',
      '{"type":"subscribe","id":"1","__proto__":{"payload":1}}',
      '['.repeat(10_000),
    ),
  },
);

const bytes = fc.uint8Array({ maxLength: 200 });

/** The message as one frame, or in fragments, sometimes with a ping between them. */
const messageFrames: fc.Arbitrary<readonly Frame[]> = text.chain((whole) => {
  const octets = Buffer.from(whole);
  return fc.oneof(
    { weight: 6, arbitrary: fc.constant([textFrame(whole)]) },
    {
      weight: 1,
      arbitrary: fc.nat({ max: octets.length }).map((at): readonly Frame[] => [
        { opcode: opcodes.text, payload: octets.subarray(0, at), fin: false },
        { opcode: opcodes.ping, payload: Buffer.from('between') },
        { opcode: opcodes.continuation, payload: octets.subarray(at) },
      ]),
    },
  );
});

/** Many concurrent subscriptions. */
const storm: fc.Arbitrary<readonly Frame[]> = fc
  .constantFrom(...documents)
  .map((query) =>
    Array.from({ length: 40 }, (_, index) =>
      textFrame(JSON.stringify({ id: `storm-${index}`, type: 'subscribe', payload: { query } })),
    ),
  );

const badFrame: fc.Arbitrary<Frame> = fc.oneof(
  bytes.map((payload): Frame => ({ opcode: opcodes.binary, payload })),
  fc
    .constantFrom([0xff, 0xfe], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf8])
    .map((octets): Frame => ({ opcode: opcodes.text, payload: Buffer.from(octets) })),
  bytes.map((payload): Frame => ({ opcode: opcodes.ping, payload })),
  bytes.map((payload): Frame => ({ opcode: opcodes.close, payload })),
  bytes.map((payload): Frame => ({ opcode: opcodes.continuation, payload })),
  fc.record({
    opcode: fc.nat({ max: 15 }),
    payload: bytes,
    fin: fc.boolean(),
    reserved: fc.nat({ max: 7 }),
    masked: fc.boolean(),
  }),
  // Longer than the gateway accepts, which need not wait for the end.
  fc
    .constantFrom(1_000_001, 2 ** 31, 2 ** 53)
    .map((claims): Frame => ({ opcode: opcodes.text, payload: Buffer.from('{'), claims })),
);

/** The frames of a socket, most of them with a valid beginning. */
export const socketScript: fc.Arbitrary<SocketScript> = fc
  .record({
    beginning: fc.oneof(
      { weight: 6, arbitrary: fc.oneof(goodInit, init).map((value) => [textFrame(JSON.stringify(value))]) },
      { weight: 1, arbitrary: fc.constant([]) },
    ),
    middle: fc.array(
      fc.oneof(
        { weight: 30, arbitrary: messageFrames },
        { weight: 2, arbitrary: badFrame.map((frame): readonly Frame[] => [frame]) },
        { weight: 1, arbitrary: storm },
      ),
      { maxLength: 12 },
    ),
    cut: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 20 }) }),
    ending: fc.oneof(
      { weight: 4, arbitrary: fc.constant('wait' as const) },
      fc.constantFrom('half-close' as const, 'reset' as const),
    ),
  })
  .map(({ beginning, middle, cut, ending }) => ({
    frames: [...beginning, ...middle.flat()],
    cut,
    // A client that truncates a frame sends nothing more.
    ending: cut > 0 && ending === 'wait' ? 'half-close' : ending,
  }));

/** The last operation of each socket. It must be answered unless the gateway has closed the socket. */
const last = { id: 'the-last-one', type: 'subscribe', payload: { query: '{ __typename }' } };

/** Bytes of a script, frame by frame. */
export function piecesOf({ frames, cut, ending }: SocketScript): readonly Buffer[] {
  const pieces = frames.map(encodeFrame);
  if (ending === 'wait') return [...pieces, encodeFrame(textFrame(JSON.stringify(last)))];
  const final = pieces.pop();
  return final === undefined ? [] : [...pieces, final.subarray(0, Math.max(1, final.length - cut))];
}

/** Close codes that mean an internal error of the gateway. */
const internalCloseCodes = [1011, 4500, 4004, 4005];

/** Received bytes after the handshake. */
const behindHandshake = (received: Buffer): Buffer => {
  const end = received.indexOf('\r\n\r\n');
  return end < 0 ? Buffer.alloc(0) : received.subarray(end + 4);
};

/** Whether the last operation has been answered, or the gateway has closed the socket. */
export function isAnswered(received: Buffer): boolean {
  return decodeFrames(behindHandshake(received)).some(
    ({ opcode, payload }) => opcode === opcodes.close || (opcode === opcodes.text && payload.includes(`"${last.id}"`)),
  );
}

/** @returns a description of the error in the bytes of a socket; null when they are correct */
export function faultOfSocket(received: Buffer, { ending }: SocketScript): string | null {
  for (const { opcode, payload } of decodeFrames(behindHandshake(received))) {
    if (opcode === opcodes.close && payload.length >= 2) {
      const code = payload.readUInt16BE(0);
      if (internalCloseCodes.includes(code)) return `closed with ${code} ${payload.subarray(2).toString()}`;
    }
    if (opcode !== opcodes.text) continue;
    const fault = faultOfMessage(JSON.parse(payload.toString()));
    if (fault !== null) return `${fault} in ${payload.subarray(0, 1_000).toString()}`;
  }
  return ending !== 'wait' || isAnswered(received) ? null : 'neither answered nor closed';
}

function faultOfMessage(message: unknown): string | null {
  const payload = memberOf(message, 'payload');
  switch (memberOf(message, 'type')) {
    case 'connection_ack':
    case 'ping':
    case 'pong':
    case 'complete':
      return null;
    case 'next':
      return faultOfResult(payload);
    case 'error':
      return Array.isArray(payload)
        ? (payload.map(faultOfError).find((fault) => fault !== null) ?? null)
        : 'an error without errors';
    default:
      return 'a message of another protocol';
  }
}
