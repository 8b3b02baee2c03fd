import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** A repository with a few source files, and the compilers of this repository. */
async function startRepository() {
  const folder = await mkdtemp(join(tmpdir(), 'aep-build-'));
  const compilerOptions = { target: 'es2023', lib: ['es2023', 'dom'], module: 'nodenext', types: [] };
  const build = { rootDir: 'src', outDir: 'dist', declaration: true, emitDeclarationOnly: true };
  await mkdir(join(folder, 'src/emulator'), { recursive: true });
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
    }),
  );
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
    /** @returns whether the build wrote `dist` again, and the exit code */
    build: async (...options: readonly string[]) => {
      const before = await stat(join(folder, 'dist')).catch(() => null);
      const run = promisify(execFile)(process.execPath, ['build.js', ...options], { cwd: folder });
      const code = await run.then(
        () => 0,
        // The promise rejects with the error of a failed program.
        (error: { readonly code: number }) => error.code,
      );
      const after = await stat(join(folder, 'dist')).catch(() => null);
      return { code, isNew: before?.ino !== after?.ino };
    },
    /** Runs a program of `dist`. */
    run: async (name: string) => (await promisify(execFile)(process.execPath, [name], { cwd: folder })).stdout,
    /** Files in `dist` with this end of their name. */
    outputs: async (end: string) =>
      (await readdir(join(folder, 'dist'), { recursive: true })).filter((name) => name.endsWith(end)).sort(),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

const built = { code: 0, isNew: true };
const kept = { code: 0, isNew: false };

describe('the build before a start', () => {
  it('compiles once, and again after a source was changed, added or removed', async () => {
    await using repository = await startRepository();
    expect(await repository.build('--unchecked')).toEqual(built);
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

  it('fails and keeps the folder when a source cannot be compiled', async () => {
    await using repository = await startRepository();
    await repository.build('--unchecked');
    await repository.write('src/first.ts', 'export const first = ;\n');
    expect(await repository.build('--unchecked')).toEqual({ code: 1, isNew: false });
    expect(await repository.run('dist/main.js')).toBe('1\n');
    expect(await readdir(repository.folder)).not.toContainEqual(expect.stringMatching(/^dist\./));
  });

  it.each(['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'])(
    'compiles again after a change of %s',
    async (name) => {
      await using repository = await startRepository();
      await repository.build('--unchecked');
      await repository.write(name, `${await repository.read(name)}\n`);
      expect(await repository.build('--unchecked')).toEqual(built);
    },
  );

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
    expect(await repository.build()).toEqual(built);
    expect(await repository.outputs('.d.ts')).toEqual(expect.arrayContaining(['first.d.ts', 'emulator/emulator.d.ts']));
    expect(await repository.build('--unchecked')).toEqual(kept);
    await repository.write('src/first.ts', "export const first: number = 'one';\n");
    expect(await repository.build()).toEqual({ code: 1, isNew: false });
    expect(await repository.run('dist/main.js')).toBe('1\n');
    expect(await repository.build('--unchecked')).toEqual(built);
    expect(await repository.build()).toEqual({ code: 1, isNew: false });
  });
});
