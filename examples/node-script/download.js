import { createWriteStream } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { attempts, pauseMs } from './gateway.js';

/**
 * Downloads a file. An interrupted download continues where it stopped, unless the file has changed.
 *
 * @returns the number of bytes
 * @throws when the gateway rejects the download, or after several interruptions
 */
export async function download(url, path) {
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.partial`;
  let etag = null;
  for (let attempt = 1; ; attempt += 1) {
    try {
      // Without the ETag of the first response, it is unknown whether the file is still the same.
      const headers = etag === null ? {} : { range: `bytes=${await sizeOf(partial)}-`, 'if-range': etag };
      const response = await fetch(url, { headers });
      if (!response.ok) {
        const { code, message, retryable } = await response.json();
        throw Object.assign(new Error(`${code}: ${message}`), { isFinal: !retryable });
      }
      const isContinued = response.status === 206;
      // fetch fails if it receives fewer bytes than Content-Length.
      const file = createWriteStream(partial, { flags: isContinued ? 'a' : 'w' });
      etag = response.headers.get('etag');
      await pipeline(Readable.fromWeb(response.body), file);
      await rename(partial, path);
      return await sizeOf(path);
    } catch (error) {
      if (error.isFinal || attempt === attempts) throw error;
      await delay(pauseMs);
    }
  }
}

/** Size of a file in bytes; 0 if it does not exist. */
async function sizeOf(path) {
  return (await stat(path).catch(() => null))?.size ?? 0;
}
