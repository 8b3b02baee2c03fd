/**
 * Bundles the programs in `src` into `dist`, unless `dist` is already what the present sources give. It runs in the
 * folder of the repository. `--unchecked` omits what a start does not need: the check of types, and declarations. A
 * `dist` that was checked serves for both.
 *
 * It is JavaScript, because it runs before every start: loading a compiler only to find that there is nothing to do
 * takes longer than the comparison. `tsc --build` does not notice that an output is missing or was changed, and keeps the
 * outputs of sources that were removed.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const target = 'dist';
/** States of what `target` was made, and the files that it consists of. */
const manifestName = '.build.json';
/** Besides `src`. The lockfile stands for the compilers and for the packages. */
const settings = ['build.js', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];

/** Modules that are started, or imported from the package. */
const programs = ['cli', 'main', 'emulator/main', 'emulator/emulator'];

const isUnchecked = process.argv.includes('--unchecked');

/** Files below a folder, sorted. */
const filesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

function digestOfSources() {
  const hash = createHash('sha256');
  for (const path of [...settings, ...filesIn('src')]) {
    const content = readFileSync(path);
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** Size and time of each output. They show that another program has written into the folder. */
function outputsIn(folder) {
  const outputs = filesIn(folder).filter((path) => path !== join(folder, manifestName));
  return outputs.map((path) => {
    const { size, mtimeMs } = statSync(path);
    return `${path.slice(folder.length + 1)} ${size} ${mtimeMs}`;
  });
}

function isCurrent(sources) {
  try {
    const manifest = JSON.parse(readFileSync(join(target, manifestName), 'utf8'));
    return (
      manifest.sources === sources &&
      (manifest.isChecked || isUnchecked) &&
      JSON.stringify(manifest.outputs) === JSON.stringify(outputsIn(target))
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
  const { build } = await import('esbuild');
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
    sourcemap: true,
    sourcesContent: false,
    // The database is native and optional. The page of GraphiQL is larger than the gateway, and production has it off.
    external: ['@duckdb/node-api', '@graphql-yoga/render-graphiql'],
    // Packages in CommonJS load the modules of Node with `require`, which an ES module does not have.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  writeFileSync(join(folder, 'licenses.txt'), noticesOf(Object.keys(metafile.inputs)));
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

/** Checks the types, and writes declarations. @returns whether the types are right */
function declare(folder) {
  const compiler = ['node_modules/typescript/bin/tsc', '--project', 'tsconfig.build.json', '--outDir', folder];
  const { status, error } = spawnSync(process.execPath, compiler, { stdio: 'inherit' });
  if (error !== undefined) throw error;
  return status === 0;
}

/** Replaces the folder by one that is complete: a build that is killed or fails leaves the old one as it is. */
async function build(sources) {
  const made = `${target}.${process.pid}.tmp`;
  const replaced = `${target}.${process.pid}.old`;
  try {
    if (!isUnchecked && !declare(made)) return false;
    await bundle(made);
    const manifest = { sources, isChecked: !isUnchecked, outputs: outputsIn(made) };
    writeFileSync(join(made, manifestName), JSON.stringify(manifest));
    if (statSync(target, { throwIfNoEntry: false }) !== undefined) renameSync(target, replaced);
    renameSync(made, target);
    return true;
  } catch (error) {
    // esbuild has printed why a source cannot be compiled.
    if (Array.isArray(error.errors)) return false;
    throw error;
  } finally {
    for (const folder of [made, replaced]) rmSync(folder, { recursive: true, force: true });
  }
}

const sources = digestOfSources();
if (!isCurrent(sources) && !(await build(sources))) process.exitCode = 1;
