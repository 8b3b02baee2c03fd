/**
 * Builds `dist` from `src`: the programs, and below `dist/console` the console. A part that is already what the present
 * sources give is kept. It runs in the folder of the repository. `--unchecked` omits what a start does not need: the
 * check of types, declarations, and the best compression. A part that was checked serves for both.
 *
 * It is JavaScript, because it runs before every start: loading a compiler only to find that there is nothing to do
 * takes longer than the comparison. `tsc --build` does not notice that an output is missing or was changed, and keeps the
 * outputs of sources that were removed.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** States of what a folder was made, and the files that it consists of. */
const manifestName = '.build.json';
/** Besides the sources. The lockfile stands for the compilers and for the packages. */
const settings = ['build.js', 'package.json', 'package-lock.json', 'tsconfig.json'];
const consoleSources = join('src', 'console');

/** Modules that are started, or imported from the package. */
const programs = ['cli', 'main', 'emulator/main', 'emulator/emulator'];

const isUnchecked = process.argv.includes('--unchecked');

const isBelow = (folder) => (path) => path.startsWith(join(folder, '/'));

/** Files below a folder, sorted. */
const filesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

/**
 * The parts. Each has a folder, which is replaced as a whole, and may contain the folder of another part.
 * `make` fills a folder, and returns false after it has printed why a source is wrong.
 */
const parts = [
  {
    target: 'dist',
    inner: 'console',
    sources: () => [
      ...settings,
      'tsconfig.build.json',
      ...filesIn('src').filter((path) => !isBelow(consoleSources)(path)),
    ],
    make: async (folder) => {
      if (!isUnchecked && !compile('tsconfig.build.json', '--outDir', folder)) return false;
      await bundle(folder);
      return true;
    },
  },
  {
    target: join('dist', 'console'),
    inner: null,
    sources: () => [...settings, ...filesIn(consoleSources)],
    make: async (folder) => {
      if (!isUnchecked && !compile(consoleSources)) return false;
      await bundleConsole(folder);
      return true;
    },
  },
];

function digestOf(sources) {
  const hash = createHash('sha256');
  for (const path of sources) {
    const content = readFileSync(path);
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** Files of a part, without its manifest and without the inner part. */
const ownFiles = (folder, { inner }) =>
  filesIn(folder).filter(
    (path) => path !== join(folder, manifestName) && (inner === null || !isBelow(join(folder, inner))(path)),
  );

/** Size and time of each output. They show that another program has written into the folder. */
const outputsOf = (folder, part) =>
  ownFiles(folder, part).map((path) => {
    const { size, mtimeMs } = statSync(path);
    return `${relative(folder, path)} ${size} ${mtimeMs}`;
  });

function isCurrent(part, sources) {
  try {
    const manifest = JSON.parse(readFileSync(join(part.target, manifestName), 'utf8'));
    return (
      manifest.sources === sources &&
      (manifest.isChecked || isUnchecked) &&
      JSON.stringify(manifest.outputs) === JSON.stringify(outputsOf(part.target, part))
    );
  } catch {
    // There is none, or it is not readable.
    return false;
  }
}

/**
 * Bundles each program with all that it imports. Loading a few files takes half of the time of loading a thousand
 * modules. Programs share files, so that each module exists once. Comments in a bundle name the module of the code after
 * them.
 * @throws if a source cannot be compiled, after the reasons were printed
 */
async function bundle(folder) {
  const { build, transform } = await import('esbuild');
  const { metafile } = await build({
    metafile: true,
    entryPoints: programs.map((name) => join('src', `${name}.ts`)),
    outbase: 'src',
    outdir: folder,
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    // Without it, esbuild takes graphql in CommonJS, where every use of an import calls two getters.
    mainFields: ['module', 'main'],
    sourcemap: true,
    sourcesContent: false,
    // The database is native and optional. The page of GraphiQL is larger than the gateway, and production has it off.
    external: ['@duckdb/node-api', '@graphql-yoga/render-graphiql'],
    // Packages in CommonJS load the modules of Node with `require`, which an ES module does not have.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  for (const path of Object.keys(metafile.outputs)) if (path.endsWith('.js')) await shortenCharacters(path, transform);
  writeFileSync(join(folder, 'licenses.txt'), noticesOf(Object.keys(metafile.inputs)));
}

const wide = /[\u0100-\uffff]/;

/**
 * Replaces characters outside of Latin-1 in the comments of a bundle. esbuild escapes them in code. V8 keeps the source of
 * a module in memory, and one such character doubles its size: 3.4 MB for the gateway.
 */
async function shortenCharacters(path, transform) {
  const source = readFileSync(path, 'utf8');
  if (!wide.test(source)) return;
  const { code } = await transform(source, { minifyWhitespace: true, legalComments: 'none' });
  // Only in a regular expression does esbuild keep them in code.
  if (wide.test(code))
    throw new Error(`${path} has a character outside of Latin-1 in a regular expression. Escape it.`);
  writeFileSync(path, source.replace(new RegExp(wide, 'g'), '?'));
}

/** The licence of each package that is part of a bundle, as the licences require. */
function noticesOf(modules) {
  const packages = new Set(
    modules.flatMap((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
  );
  const notices = [...packages].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? license : readFileSync(join(folder, file), 'utf8').trim();
    return `${name} ${version}\n\n${text}\n`;
  });
  return notices.join(`\n${'-'.repeat(80)}\n\n`);
}

/** Checks the types of a project, and writes its declarations if it has any. @returns whether the types are right */
function compile(project, ...options) {
  const compiler = ['node_modules/typescript/bin/tsc', '--project', project, ...options];
  const { status, error } = spawnSync(process.execPath, compiler, { stdio: 'inherit' });
  if (error !== undefined) throw error;
  return status === 0;
}

/**
 * Bundles the console. Its files are served as they are, so that production needs no bundler.
 * @throws if a source cannot be compiled, after the reasons were printed
 */
async function bundleConsole(folder) {
  // In the environment of a test, React and React Aria would be bundled with their code for development and tests.
  process.env.NODE_ENV = 'production';
  const { build } = await import('vite');
  const { output } = await build({
    configFile: join(consoleSources, 'vite.config.ts'),
    logLevel: 'error',
    // A start does not wait for the best compression.
    mode: isUnchecked ? 'quick' : 'production',
    build: { outDir: join(process.cwd(), folder) },
  });
  const modules = output.flatMap(({ moduleIds = [] }) => moduleIds.map((id) => relative(process.cwd(), id)));
  writeFileSync(join(folder, 'licenses.txt'), noticesOf(modules));
}

/** Makes a part in a folder next to its target. */
async function make(part, folder, sources) {
  if (!(await part.make(folder))) return false;
  const manifest = { sources, isChecked: !isUnchecked, outputs: outputsOf(folder, part) };
  writeFileSync(join(folder, manifestName), JSON.stringify(manifest));
  return true;
}

const exists = (path) => statSync(path, { throwIfNoEntry: false }) !== undefined;

/** Replaces the folder of a part by one that is complete. The inner part is kept, with its times. */
function replace({ target, inner }, made, replaced) {
  const kept = inner !== null && exists(join(target, inner)) ? filesIn(join(target, inner)) : [];
  for (const path of kept) {
    const copy = join(made, relative(target, path));
    mkdirSync(dirname(copy), { recursive: true });
    linkSync(path, copy);
  }
  mkdirSync(dirname(target), { recursive: true });
  if (exists(target)) renameSync(target, replaced);
  renameSync(made, target);
}

/** Builds the parts that are not current. A build that is killed or fails leaves the old parts as they are. */
async function build() {
  const stale = parts
    .map((part, index) => ({ part, sources: digestOf(part.sources()), folder: `dist.${process.pid}.${index}` }))
    .filter(({ part, sources }) => !isCurrent(part, sources));
  try {
    const made = await Promise.all(stale.map(({ part, sources, folder }) => make(part, `${folder}.tmp`, sources)));
    if (made.includes(false)) return false;
    for (const { part, folder } of stale) replace(part, `${folder}.tmp`, `${folder}.old`);
    return true;
  } catch (error) {
    // The bundler has printed why a source cannot be compiled.
    if (Array.isArray(error.errors)) return false;
    throw error;
  } finally {
    for (const { folder } of stale)
      for (const end of ['tmp', 'old']) rmSync(`${folder}.${end}`, { recursive: true, force: true });
  }
}

if (!(await build())) process.exitCode = 1;
