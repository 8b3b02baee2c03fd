import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import optimizeLocales from '@react-aria/optimize-locales-plugin';
import { defineConfig, type Plugin } from 'vite';
import { pages } from './app/paths.ts';

/** Gateway that the development server calls. */
const gateway = 'http://127.0.0.1:4000';

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Mode of a build before a start. */
const quickMode = 'quick';

/** The best compression takes ten times as long as the quick one, and saves 7 %. A start does not wait for it. */
const qualityOf = (mode: string): number => (mode === quickMode ? 9 : constants.BROTLI_MAX_QUALITY);

/** Compresses the files once, at build time, and lists them with the paths of the pages for the gateway. */
function servedFiles(): Plugin {
  let quality = constants.BROTLI_MAX_QUALITY;
  return {
    name: 'served-files',
    apply: 'build',
    configResolved: ({ mode }) => {
      quality = qualityOf(mode);
    },
    async writeBundle({ dir = '' }) {
      const names = (await readdir(join(dir, 'assets'))).sort();
      const entries = await Promise.all(
        names.map(async (name) => {
          const type = types[extname(name)];
          if (type === undefined) throw new Error(`The type of ${name} is not known.`);
          const path = join(dir, 'assets', name);
          const content = await readFile(path);
          const [br, gz] = await Promise.all([
            promisify(brotliCompress)(content, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } }),
            promisify(gzip)(content, { level: 9 }),
          ]);
          await Promise.all([writeFile(`${path}.br`, br), writeFile(`${path}.gz`, gz)]);
          const hash = createHash('sha256').update(content).digest('base64url').slice(0, 22);
          const bytes = { identity: content.length, br: br.length, gzip: gz.length };
          return [`/assets/${name}`, { type, hash, bytes }] as const;
        }),
      );
      const manifest = { pages: Object.values(pages), assets: Object.fromEntries(entries) };
      await writeFile(join(dir, 'manifest.json'), JSON.stringify(manifest));
    },
  };
}

export default defineConfig({
  root: import.meta.dirname,
  plugins: [optimizeLocales.vite({ locales: ['en-US'] }), servedFiles()],
  build: {
    target: 'es2022',
    // Files of their own, because the page may execute and show nothing that is inside of other files.
    assetsInlineLimit: 0,
    emptyOutDir: true,
    rolldownOptions: { checks: { pluginTimings: false } },
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: { '/graphql': { target: gateway, ws: true }, '/files': { target: gateway } },
  },
});
