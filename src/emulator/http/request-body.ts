import type { IncomingMessage } from 'node:http';
import { requestErrors, type Service } from '../errors.ts';

/** Maximum size of a request body, in bytes. */
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
  if (service === 'ims') return await readForm(text, contentTypeOf(request), request.headers['content-type'] ?? '');
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw requestErrors.malformedBody(service);
  }
}

/** Fields of a form in either of its media types; empty when the body is not a form. */
async function readForm(text: string, mediaType: string | null, contentType: string): Promise<URLSearchParams> {
  if (mediaType === 'application/x-www-form-urlencoded') return new URLSearchParams(text);
  if (mediaType !== 'multipart/form-data') return new URLSearchParams();
  try {
    const form = await new Response(text, { headers: { 'content-type': contentType } }).formData();
    return new URLSearchParams([...form].filter((field): field is [string, string] => typeof field[1] === 'string'));
  } catch {
    // The operation then reports the missing field.
    return new URLSearchParams();
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
