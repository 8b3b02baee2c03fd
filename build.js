/**
 * Compiles `src` into `dist`, unless `dist` is already what the present sources give. It runs in the folder of the
 * repository. `--unchecked` omits what a start does not need: the check of types, and declarations. A `dist` that was
 * checked serves for both.
 *
 * It is JavaScript, because it runs before every start: loading the compiler only to find that there is nothing to do
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
/** Besides `src`. The lockfile stands for the compiler and for the types of packages. */
const settings = ['build.js', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];

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

/** Replaces the folder by one that is complete: a build that is killed or fails leaves the old one as it is. */
function build(sources) {
  const made = `${target}.${process.pid}.tmp`;
  const replaced = `${target}.${process.pid}.old`;
  const options = isUnchecked ? ['--noCheck', '--declaration', 'false'] : [];
  const compiler = ['node_modules/typescript/bin/tsc', '--project', 'tsconfig.build.json', '--outDir', made];
  try {
    const { status, error } = spawnSync(process.execPath, [...compiler, ...options], { stdio: 'inherit' });
    if (error !== undefined) throw error;
    if (status !== 0) return false;
    const manifest = { sources, isChecked: !isUnchecked, outputs: outputsIn(made) };
    writeFileSync(join(made, manifestName), JSON.stringify(manifest));
    if (statSync(target, { throwIfNoEntry: false }) !== undefined) renameSync(target, replaced);
    renameSync(made, target);
    return true;
  } finally {
    for (const folder of [made, replaced]) rmSync(folder, { recursive: true, force: true });
  }
}

const sources = digestOfSources();
if (!isCurrent(sources) && !build(sources)) process.exitCode = 1;
