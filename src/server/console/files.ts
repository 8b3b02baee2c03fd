import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { encodings } from './encoding.ts';

/** Written by the build of the console, next to its files. */
const manifestName = 'manifest.json';

const manifest = z.object({
  /** Paths of pages: each of them, and every path below one that ends with a slash, shows the page. */
  pages: z.array(z.string().startsWith('/')),
  /** Files by the path of their URL. Their names contain a hash of their content. */
  assets: z.record(
    z.string().startsWith('/'),
    z.object({ type: z.string(), hash: z.string(), bytes: z.partialRecord(z.enum(encodings), z.int()) }),
  ),
});

export type ConsoleManifest = z.output<typeof manifest>;
export type ConsoleAsset = ConsoleManifest['assets'][string];

export interface ConsoleFiles extends ConsoleManifest {
  /** The page, without the settings of the gateway. */
  readonly page: string;
  /** @param path a path of `assets`, and the suffix of its encoding */
  read(path: string): Promise<Buffer>;
}

/**
 * Reads the list of files and the page. The files themselves are read for each request, because the system caches them.
 * @returns null if the console was not built
 * @throws if the manifest has another form
 */
export async function openConsoleFiles(folder: URL): Promise<ConsoleFiles | null> {
  const read = (name: string) => readFile(new URL(name, folder));
  const texts = await Promise.all([read(manifestName), read('index.html')]).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (texts === null) return null;
  const [list, page] = texts;
  return {
    ...manifest.parse(JSON.parse(list.toString())),
    page: page.toString(),
    read: (path) => read(path.slice(1)),
  };
}

/** Whether a file does not exist. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';
