import { readBodyError } from '../wire/entry-error.ts';
import { headerOf } from '../wire/response-headers.ts';
import type { PlatformRequest } from './call.ts';
import type { Download } from './download.ts';
import { errorFromSuccess } from './errors.ts';
import { jsonOf } from './json-body.ts';

/** Maximum number of bytes of a body that are searched for an error. */
const maxErrorBytes = 64 * 1024;

const json = /^application\/(?:[\w.-]+\+)?json\b/i;

/**
 * Rejects a download with a success status whose body is an error. The body is searched only if it is JSON although the
 * file is not, because a JSON file may contain anything. The searched beginning is returned together with the rest.
 * @throws {GatewayError} the whole body is an error
 */
export async function withoutError(
  request: PlatformRequest,
  name: string,
  download: Download,
  now: Date,
): Promise<Download> {
  const { status, headers, requestId, body } = download;
  if (!json.test(headerOf(headers, 'content-type') ?? '') || /\.json$/i.test(name)) return download;
  const rest = body[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length <= maxErrorBytes) {
    const next = await rest.next();
    if (next.done === true) {
      const error = readBodyError(valueIn(chunks), { isMessage: false });
      if (error !== null) throw errorFromSuccess(request, { status, requestId }, error, now);
      break;
    }
    chunks.push(next.value);
    length += next.value.length;
  }
  return { ...download, body: startingWith(chunks, rest) };
}

function valueIn(chunks: readonly Uint8Array[]): unknown {
  try {
    return jsonOf(Buffer.concat(chunks));
  } catch {
    return undefined;
  }
}

async function* startingWith(
  chunks: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* chunks;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
