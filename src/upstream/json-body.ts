import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

const gunzipAsync = promisify(gunzip);

/** The largest body that is taken from the platform, in bytes, before and after decompression: 32 MiB. */
export const maxBodyBytes = 32 * 1024 * 1024;

// A string (so that nothing within one is taken for a number), or an integer of many digits.
const stringOrLongInteger = /"(?:[^"\\]|\\.)*"|(?<=^|[\s:,[])-?\d{16,}(?=$|[\s,\]}])/g;
/** The shortest integers that a double may not hold. */
const longDigits = 16;

/**
 * The body as text, whatever its `content-encoding`.
 * @throws {Error} an encoding that was not asked for, broken compression, or more than `maxBodyBytes` of it
 */
export async function textOf(body: Buffer, contentEncoding: string | undefined): Promise<string> {
  switch (contentEncoding?.trim().toLowerCase() ?? '') {
    case '':
    case 'identity':
      return body.toString('utf8');
    case 'gzip':
    case 'x-gzip':
      return body.length === 0 ? '' : (await gunzipAsync(body, { maxOutputLength: maxBodyBytes })).toString('utf8');
    default:
      throw new Error('The content encoding is not one that was asked for.');
  }
}

/**
 * The JSON value of a body. Integers of 16 digits and more become strings, so that a 64-bit id stays exact.
 * @returns undefined when the body is blank
 * @throws {SyntaxError} it is not JSON
 */
export function jsonOf(text: string): unknown {
  const json = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  if (json.trim() === '') return undefined;
  if (!mayHaveLongInteger(json)) return JSON.parse(json);
  return JSON.parse(
    json.replace(stringOrLongInteger, (found) =>
      found.startsWith('"') || Number.isSafeInteger(Number(found)) ? found : `"${found}"`,
    ),
  );
}

/**
 * Whether 16 digits in a row stand where a number may stand, which ids within strings rarely do. Such a row covers every
 * 16th place, so nearly nothing has to be looked at.
 */
function mayHaveLongInteger(text: string): boolean {
  for (let at = longDigits - 1; at < text.length; at += longDigits) {
    if (!isDigit(text, at)) continue;
    let first = at;
    let last = at;
    while (isDigit(text, first - 1)) first -= 1;
    while (isDigit(text, last + 1)) last += 1;
    if (last - first + 1 >= longDigits && beginsNumber(text, first) && endsNumber(text, last)) return true;
    // Each digit is looked at a bounded number of times, however long a row is.
    at = last;
  }
  return false;
}

function beginsNumber(text: string, first: number): boolean {
  const before = text.charAt(first - 1) === '-' ? first - 2 : first - 1;
  return before < 0 || ' \t\n\r:,['.includes(text.charAt(before));
}

const endsNumber = (text: string, last: number): boolean => ' \t\n\r,]}'.includes(text.charAt(last + 1));

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}
