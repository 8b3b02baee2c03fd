import { randomBytes } from 'node:crypto';

/** One frame of RFC 6455, possibly invalid. */
export interface Frame {
  readonly opcode: number;
  readonly payload: Uint8Array;
  /** Whether it is the last frame of its message. @default true */
  readonly fin?: boolean;
  /** The three reserved bits, as a number. @default 0 */
  readonly reserved?: number;
  /** Whether the frame is masked, as clients must do. @default true */
  readonly masked?: boolean;
  /** Declared payload length. @default the length of the payload */
  readonly claims?: number;
}

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export const textFrame = (text: string): Frame => ({ opcode: opcodes.text, payload: Buffer.from(text) });

/** Encodes a frame. */
export function encodeFrame({ opcode, payload, fin = true, reserved = 0, masked = true, claims }: Frame): Buffer {
  const length = claims ?? payload.length;
  const [short, extended] = lengthField(length);
  const head = Buffer.from([(fin ? 0x80 : 0) | (reserved << 4) | opcode, (masked ? 0x80 : 0) | short]);
  if (!masked) return Buffer.concat([head, extended, payload]);
  const mask = randomBytes(4);
  return Buffer.concat([head, extended, mask, payload.map((octet, index) => octet ^ (mask[index % 4] ?? 0))]);
}

function lengthField(length: number): readonly [short: number, extended: Buffer] {
  if (length < 126) return [length, Buffer.alloc(0)];
  const extended = Buffer.alloc(length <= 0xff_ff ? 2 : 8);
  if (length <= 0xff_ff) extended.writeUInt16BE(length);
  else extended.writeBigUInt64BE(BigInt(length));
  return [length <= 0xff_ff ? 126 : 127, extended];
}

/** Decodes the complete frames at the start of the bytes from a server, which does not mask. */
export function decodeFrames(received: Buffer): readonly { readonly opcode: number; readonly payload: Buffer }[] {
  const frames: { opcode: number; payload: Buffer }[] = [];
  let at = 0;
  while (received.length >= at + 2) {
    const opcode = (received[at] ?? 0) & 0x0f;
    const short = (received[at + 1] ?? 0) & 0x7f;
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (received.length < at + 2 + extra) break;
    const length =
      extra === 0 ? short : extra === 2 ? received.readUInt16BE(at + 2) : Number(received.readBigUInt64BE(at + 2));
    const from = at + 2 + extra;
    if (received.length < from + length) break;
    frames.push({ opcode, payload: received.subarray(from, from + length) });
    at = from + length;
  }
  return frames;
}
