import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

const gunzipAsync = promisify(gunzip);

/** The largest body that is taken from the platform, in bytes, before and after decompression: 32 MiB. */
export const maxBodyBytes = 32 * 1024 * 1024;

// A string (so that nothing within one is taken for a number), or an integer of many digits.
const stringOrLongInteger = /"(?:[^"\\]|\\.)*"|(?<=^|[\s:,[])-?\d{16,}(?=$|[\s,\]}])/g;
const byteOrderMark = Buffer.from('\uFEFF');
/** The shortest integers that a double may not hold. */
const longDigits = 16;

/**
 * The body, decompressed whatever its `content-encoding`.
 * @throws {Error} an encoding that was not asked for, broken compression, or more than `maxBodyBytes` of it
 */
export async function decompressed(body: Buffer, contentEncoding: string | undefined): Promise<Buffer> {
  switch (contentEncoding?.trim().toLowerCase() ?? '') {
    case '':
    case 'identity':
      return body;
    case 'gzip':
    case 'x-gzip':
      return body.length === 0 ? body : gunzipAsync(body, { maxOutputLength: maxBodyBytes });
    default:
      throw new Error('The content encoding is not one that was asked for.');
  }
}

/**
 * The JSON value of a body in UTF-8. Integers of 16 digits and more become strings, so that a 64-bit id stays exact.
 * @returns undefined when the body is blank
 * @throws {SyntaxError} it is not JSON
 */
export function jsonOf(body: Buffer): unknown {
  const bytes = body.subarray(0, byteOrderMark.length).equals(byteOrderMark)
    ? body.subarray(byteOrderMark.length)
    : body;
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
 * Whether 16 digits in a row stand where a number may stand, which ids within strings rarely do. Such a row covers every
 * 16th place, so nearly nothing has to be looked at. The bytes are searched, because a string takes twice as long.
 */
function mayHaveLongInteger(bytes: Buffer): boolean {
  for (let at = longDigits - 1; at < bytes.length; at += longDigits) {
    if (!isDigit(bytes[at])) continue;
    let first = at;
    let last = at;
    while (isDigit(bytes[first - 1])) first -= 1;
    while (isDigit(bytes[last + 1])) last += 1;
    if (last - first + 1 >= longDigits && beginsNumber(bytes, first) && endsNumber(bytes, last)) return true;
    // Each digit is looked at a bounded number of times, however long a row is.
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
