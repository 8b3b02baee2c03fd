import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** A path by which a part is recognized. Hard links keep the file of a console that was not built again. */
const partsOfDist = { programs: 'dist', console: 'dist/console/manifest.json' };

/** A repository with a few source files, and the compilers of this repository. */
async function startRepository() {
  const folder = await mkdtemp(join(tmpdir(), 'aep-build-'));
  const compilerOptions = { target: 'es2023', lib: ['es2023', 'dom'], module: 'nodenext', types: [] };
  const build = { rootDir: 'src', outDir: 'dist', declaration: true, emitDeclarationOnly: true };
  for (const name of ['src/emulator', 'src/console/app']) await mkdir(join(folder, name), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await cp(join(root, 'build.js'), join(folder, 'build.js'));
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  await write('package.json', JSON.stringify({ type: 'module' }));
  await write('package-lock.json', '{}');
  await write('tsconfig.json', '{}');
  await write(
    'tsconfig.build.json',
    JSON.stringify({
      compilerOptions: { ...compilerOptions, ...build, allowImportingTsExtensions: true },
      include: ['src'],
      exclude: ['src/console'],
    }),
  );
  for (const name of ['vite.config.ts', 'app/paths.ts'])
    await cp(join(root, 'src/console', name), join(folder, 'src/console', name));
  await write(
    'src/console/tsconfig.json',
    JSON.stringify({ compilerOptions: { ...compilerOptions, noEmit: true }, include: ['main.ts'] }),
  );
  await write('src/console/index.html', '<html><head></head><script type="module" src="./main.ts"></script></html>\n');
  await write('src/console/main.ts', 'document.title = String(1);\n');
  await write('src/first.ts', 'export const first: number = 1;\n');
  await write('src/second.ts', 'export const second: number = 2;\n');
  await write('src/main.ts', "import { first } from './first.ts';\nconsole.log(first);\n");
  await write('src/cli.ts', "import './main.ts';\n");
  await write('src/emulator/emulator.ts', "export { second } from '../second.ts';\n");
  await write('src/emulator/main.ts', "import { second } from './emulator.ts';\nconsole.log(second);\n");
  return {
    folder,
    write,
    remove: (name: string) => rm(join(folder, name)),
    read: (name: string) => readFile(join(folder, name), 'utf8'),
    /** @returns the exit code, and the parts that the build wrote again */
    build: async (...options: readonly string[]) => {
      const inodeOf = (name: string) =>
        stat(join(folder, name)).then(
          ({ ino }) => ino,
          () => null,
        );
      const inodes = () => Promise.all(Object.values(partsOfDist).map(inodeOf));
      const before = await inodes();
      const run = promisify(execFile)(process.execPath, ['build.js', ...options], { cwd: folder });
      const code = await run.then(
        () => 0,
        // The promise rejects with the error of a failed program.
        (error: { readonly code: number }) => error.code,
      );
      const after = await inodes();
      return { code, written: Object.keys(partsOfDist).filter((_, index) => before[index] !== after[index]) };
    },
    /** Runs a program of `dist`. */
    run: async (name: string) => (await promisify(execFile)(process.execPath, [name], { cwd: folder })).stdout,
    /** Files in `dist` with this end of their name. */
    outputs: async (end: string) =>
      (await readdir(join(folder, 'dist'), { recursive: true })).filter((name) => name.endsWith(end)).sort(),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

const first = { code: 0, written: ['programs', 'console'] };
const built = { code: 0, written: ['programs'] };
const builtConsole = { code: 0, written: ['console'] };
const kept = { code: 0, written: [] };
const failed = { code: 1, written: [] };

describe('the build before a start', () => {
  it('compiles once, and again after a source was changed, added or removed', async () => {
    await using repository = await startRepository();
    expect(await repository.build('--unchecked')).toEqual(first);
    expect(await repository.build('--unchecked')).toEqual(kept);
    await repository.write('src/first.ts', 'export const first: number = 3;\n');
    expect(await repository.build('--unchecked')).toEqual(built);
    expect(await repository.run('dist/main.js')).toBe('3\n');
    await repository.write('src/third.ts', 'export const third: number = 3;\n');
    expect(await repository.build('--unchecked')).toEqual(built);
    await repository.remove('src/third.ts');
    expect(await repository.build('--unchecked')).toEqual(built);
  });

  it('writes programs that load no file outside of the folder', async () => {
    await using repository = await startRepository();
    await repository.build('--unchecked');
    await rm(join(repository.folder, 'src'), { recursive: true });
    await rm(join(repository.folder, 'node_modules'));
    const programs = ['cli.js', 'main.js', 'emulator/main.js'];
    expect(await Promise.all(programs.map((name) => repository.run(`dist/${name}`)))).toEqual(['1\n', '1\n', '2\n']);
    expect(await repository.outputs('.js')).toEqual(expect.arrayContaining([...programs, 'emulator/emulator.js']));
  });

  it('writes programs in Latin-1, which take half of the memory', async () => {
    await using repository = await startRepository();
    const shown = "process.stdout.write('‘€’');";
    await repository.write(
      'src/main.ts',
      `if (\n  process.argv.length > 0 && // It’s a comment.\n  process.argv.length > 1\n) ${shown}\n`,
    );
    expect(await repository.build('--unchecked')).toEqual(first);
    const names = await repository.outputs('.js');
    const sources = (await Promise.all(names.map((name) => repository.read(`dist/${name}`)))).join('');
    expect(sources).toContain('It?s a comment');
    expect(sources.match(/[\u0100-\uffff]/)).toBeNull();
    expect(await repository.run('dist/main.js')).toBe('‘€’');
    await repository.write('src/main.ts', 'console.log(/€/.test(String(1)));\n');
    expect(await repository.build('--unchecked')).toEqual(failed);
  });

  it('fails and keeps the folder when a source cannot be compiled', async () => {
    await using repository = await startRepository();
    await repository.build('--unchecked');
    await repository.write('src/first.ts', 'export const first = ;\n');
    expect(await repository.build('--unchecked')).toEqual(failed);
    expect(await repository.run('dist/main.js')).toBe('1\n');
    expect(await readdir(repository.folder)).not.toContainEqual(expect.stringMatching(/^dist\./));
  });

  it.each([
    ['package.json', first],
    ['package-lock.json', first],
    ['tsconfig.json', first],
    ['tsconfig.build.json', built],
  ])('compiles again after a change of %s', async (name, expected) => {
    await using repository = await startRepository();
    await repository.build('--unchecked');
    await repository.write(name, `${await repository.read(name)}\n`);
    expect(await repository.build('--unchecked')).toEqual(expected);
  });

  it('repairs a folder in which a file was removed, changed or added', async () => {
    await using repository = await startRepository();
    await repository.build('--unchecked');
    const [text, names] = [await repository.read('dist/main.js'), await repository.outputs('.js')];
    await repository.remove('dist/main.js');
    expect(await repository.build('--unchecked')).toEqual(built);
    expect(await repository.read('dist/main.js')).toBe(text);
    await repository.write('dist/main.js', text.replace('1', '2'));
    expect(await repository.build('--unchecked')).toEqual(built);
    expect(await repository.read('dist/main.js')).toBe(text);
    await repository.write('dist/stale.js', '');
    expect(await repository.build('--unchecked')).toEqual(built);
    expect(await repository.outputs('.js')).toEqual(names);
    await repository.write('dist/.build.json', '{"sources":');
    expect(await repository.build('--unchecked')).toEqual(built);
  });

  it('keeps a folder that was verified, and verifies one that was not', async () => {
    await using repository = await startRepository();
    expect(await repository.build()).toEqual(first);
    expect(await repository.outputs('.d.ts')).toEqual(expect.arrayContaining(['first.d.ts', 'emulator/emulator.d.ts']));
    expect(await repository.build('--unchecked')).toEqual(kept);
    await repository.write('src/first.ts', "export const first: number = 'one';\n");
    expect(await repository.build()).toEqual(failed);
    expect(await repository.run('dist/main.js')).toBe('1\n');
    expect(await repository.build('--unchecked')).toEqual(built);
    expect(await repository.build()).toEqual(failed);
  });

  it('builds the console again after a change of its sources or outputs, and only then', async () => {
    await using repository = await startRepository();
    expect(await repository.build()).toEqual(first);
    const manifest = JSON.parse(await repository.read('dist/console/manifest.json'));
    const [script = ''] = Object.keys(manifest.assets);
    expect(script).toMatch(/^\/assets\/index-[\w-]+\.js$/);
    expect(await repository.outputs('.js.br')).toEqual([`console${script}.br`]);
    expect(await repository.read('dist/console/index.html')).toContain(script);

    await repository.write('src/console/main.ts', 'document.title = String(process.env.NODE_ENV);\n');
    expect(await repository.build('--unchecked')).toEqual(builtConsole);
    expect(await repository.build('--unchecked')).toEqual(kept);
    const built = JSON.parse(await repository.read('dist/console/manifest.json'));
    // The environment of these tests is `test`.
    expect(await repository.read(`dist/console${Object.keys(built.assets)[0]}`)).toContain('production');
    expect(await repository.run('dist/main.js')).toBe('1\n');
    await repository.remove(`dist/console/index.html`);
    expect(await repository.build('--unchecked')).toEqual(builtConsole);
    await repository.write(
      'src/console/main.ts',
      'const wrong: number = String(2);\ndocument.title = wrong.toFixed();\n',
    );
    expect(await repository.build()).toEqual(failed);
    expect(await repository.build('--unchecked')).toEqual(builtConsole);
    await repository.write('src/console/main.ts', 'document.title = ;\n');
    expect(await repository.build('--unchecked')).toEqual(failed);
  });
});
