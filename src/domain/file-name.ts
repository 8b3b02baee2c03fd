import type { DownloadFormat } from './batch.ts';

/**
 * Maximum number of characters of an encoded name. File systems accept 255 bytes, and `curl -O` saves a file under the
 * encoded name.
 */
const maxEncodedLength = 255;
/** The name for a path without a usable last segment, such as `..`. */
const unnamed = 'file';

/**
 * Name under which a client may save a file of the platform. It is the last segment of `path`, without characters that
 * no file name or header can contain. A name that is too long keeps its end, because the end has the part number and
 * the extension.
 */
export function fileNameOf(path: string): string {
  const segment = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
  const characters = [...segment.slice(-maxEncodedLength).replace(/\p{Cc}|\p{Cs}/gu, '_')];
  while (encodeName(characters.join('')).length > maxEncodedLength) characters.shift();
  const name = characters.join('');
  return /^\.{0,2}$/.test(name.trim()) ? unnamed : name;
}

/** Name under which a client may save a download. A converted file has the extension of its format. */
export function nameOfDownload(path: string, format: DownloadFormat): string {
  const name = fileNameOf(path);
  if (format === 'ORIGINAL') return name;
  return fileNameOf(`${name.replace(/\.parquet$/i, '')}.${format.toLowerCase()}`);
}

/**
 * Encodes a name as a segment of a URL, and as an extended value of a header (RFC 8187), which permits fewer
 * characters.
 */
export const encodeName = (name: string): string =>
  encodeURIComponent(name).replace(/['()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
