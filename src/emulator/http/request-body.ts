import type { IncomingMessage } from 'node:http';
import { requestErrors, type Service } from '../errors.ts';

/** Largest request body that is read, in bytes. */
export const maximumBodyBytes = 1_048_576;

/** Media type of a request, without parameters and in lower case; null when the header is absent. */
export function contentTypeOf(request: IncomingMessage): string | null {
  return request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() || null;
}

/** Whether the request announces a body. */
export function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/**
 * Reads and parses the body: JSON, or `URLSearchParams` for the token service.
 * @throws {PlatformError} 413 above `maximumBodyBytes`, 400 when it is not JSON
 */
export async function readBody(request: IncomingMessage, service: Service): Promise<unknown> {
  const text = await readText(request, service);
  if (service === 'ims') {
    return new URLSearchParams(contentTypeOf(request) === 'application/x-www-form-urlencoded' ? text : '');
  }
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw requestErrors.malformedBody(service);
  }
}

async function readText(request: IncomingMessage, service: Service): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > maximumBodyBytes) throw requestErrors.bodyTooLarge(service, maximumBodyBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
