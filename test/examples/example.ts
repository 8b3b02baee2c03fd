import { join } from 'node:path';
import { launch, type Program } from '../support/program.ts';

const folderOf = (name: string): string => join(import.meta.dirname, '../../examples', name);

/** Installs the dependencies of an example from its lockfile, as its readers do. */
export async function install(name: string): Promise<void> {
  await using installation = launch('npm', ['ci'], { cwd: folderOf(name) });
  await installation.succeeded();
}

interface RunOptions {
  /** Environment variables in addition to those of the test. */
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of the script. */
  readonly args?: readonly string[];
}

/** Runs an npm script of an example. */
export const run = (name: string, script: string, { env = {}, args = [] }: RunOptions = {}): Program =>
  launch('npm', ['run', '--silent', script, '--', ...args], { cwd: folderOf(name), env });
