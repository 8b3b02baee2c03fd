import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../contract/recorded');

/**
 * A response of the platform, with invented values. Names begin with `observed:` (seen in responses of real platforms)
 * or `documented:` (only described). The gateway's decoders and the emulator are both compared with these responses, so
 * that they cannot share a mistake.
 */
export interface RecordedResponse {
  readonly name: string;
  /** Request of the response. `path` includes the parts of the query on which the response depends. */
  readonly request: { readonly method: string; readonly path: string };
  readonly status: number;
  /** The body; null if the response has none. */
  readonly body: unknown;
}

/** Resources with recorded responses. They are the names of the files. */
export const recordedResources: readonly string[] = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.slice(0, -'.json'.length))
  .sort();

/** The recorded responses of a resource, such as `batches`. */
export function recordedResponses(resource: string): readonly RecordedResponse[] {
  // The assertion holds because the files are part of the repository, and a test compares them with this type.
  return JSON.parse(readFileSync(join(folder, `${resource}.json`), 'utf8')) as RecordedResponse[];
}
