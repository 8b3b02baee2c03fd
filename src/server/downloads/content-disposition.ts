import { encodeName } from '../../domain/file-name.ts';

/**
 * The header Content-Disposition that makes a client save a response under a name. It states the name twice (RFC 6266,
 * appendix D): `filename*` holds every character, and clients that read only `filename`, as `curl -J`, get it in ASCII.
 * @param name a file name, as `fileNameOf` returns it
 */
export function contentDisposition(name: string): string {
  // Some clients decode `%41` within `filename`, and some do not undo the escape of a quote.
  const ascii = name.replace(/[^\x20-\x7e]|["\\]|%(?=[\da-f]{2})/giu, '_');
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encodeName(name)}`;
}
