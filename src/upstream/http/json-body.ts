import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

const gunzipAsync = promisify(gunzip);

/** Maximum size of a body of the platform, in bytes, before and after decompression: 32 MiB. */
export const maxBodyBytes = 32 * 1024 * 1024;

// A string, so that digits inside it are not matched, or an integer of many digits.
const stringOrLongInteger = /"(?:[^"\\]|\\.)*"|(?<=^|[\s:,[])-?\d{16,}(?=$|[\s,\]}])/g;
const byteOrderMark = [0xef, 0xbb, 0xbf];
/** Digits of the shortest integers that a double may not represent exactly. */
const longDigits = 16;

/**
 * The body, decompressed whatever its `content-encoding`.
 * @throws {Error} the encoding was not requested, the compression is broken, or the body exceeds `maxBodyBytes`
 */
export async function decompressed(body: Buffer, contentEncoding: string | undefined): Promise<Buffer> {
  switch (codingOf(contentEncoding)) {
    case '':
    case 'identity':
      return body;
    case 'gzip':
    case 'x-gzip':
      return body.length === 0 ? body : gunzipAsync(body, { maxOutputLength: maxBodyBytes });
    default:
      throw new Error('The content encoding was not requested.');
  }
}

/** Whether the bytes of a body with this `content-encoding` are other bytes than those of its content. */
export const isEncoded = (contentEncoding: string | undefined): boolean =>
  !['', 'identity'].includes(codingOf(contentEncoding));

const codingOf = (contentEncoding: string | undefined): string => contentEncoding?.trim().toLowerCase() ?? '';

/**
 * The JSON value of a body in UTF-8. Integers of 16 digits and more become strings, so that a 64-bit id stays exact.
 * @returns undefined if the body is blank
 * @throws {SyntaxError} it is not JSON
 */
export function jsonOf(body: Buffer): unknown {
  const bytes = byteOrderMark.every((byte, index) => body[index] === byte) ? body.subarray(byteOrderMark.length) : body;
  const json = bytes.toString('utf8');
  if (json.trim() === '') return undefined;
  if (!mayHaveLongInteger(bytes)) return JSON.parse(json);
  return JSON.parse(
    json.replace(stringOrLongInteger, (found) =>
      found.startsWith('"') || Number.isSafeInteger(Number(found)) ? found : `"${found}"`,
    ),
  );
}

/**
 * Whether the body has 16 consecutive digits at a position where a number may be, which is rare for ids within strings.
 * Such a sequence covers every 16th byte, so that only few bytes are read. The bytes are searched, because searching a
 * string takes twice as long.
 */
function mayHaveLongInteger(bytes: Buffer): boolean {
  for (let at = longDigits - 1; at < bytes.length; at += longDigits) {
    if (!isDigit(bytes[at])) continue;
    let first = at;
    let last = at;
    while (isDigit(bytes[first - 1])) first -= 1;
    while (isDigit(bytes[last + 1])) last += 1;
    if (last - first + 1 >= longDigits && beginsNumber(bytes, first) && endsNumber(bytes, last)) return true;
    // Each digit is read a bounded number of times, regardless of the length of the sequence.
    at = last;
  }
  return false;
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

const minus = 0x2d;
const beforeNumbers = Buffer.from(' \t\n\r:,[');
const behindNumbers = Buffer.from(' \t\n\r,]}');

function beginsNumber(bytes: Buffer, first: number): boolean {
  const before = bytes[bytes[first - 1] === minus ? first - 2 : first - 1];
  return before === undefined || beforeNumbers.includes(before);
}

function endsNumber(bytes: Buffer, last: number): boolean {
  const behind = bytes[last + 1];
  return behind === undefined || behindNumbers.includes(behind);
}
