import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

export interface Program {
  /** Text that `--help` prints. */
  readonly usage: string;
  /** URL of the package.json whose version `--version` prints. */
  readonly manifest: URL;
  readonly run: () => Promise<void>;
}

/**
 * Runs a program that environment variables configure, so that `--help` and `--version` are its only arguments. Other
 * arguments set the exit code 2. The message does not repeat them, because they may contain a secret.
 */
export async function runProgram(args: readonly string[], { usage, manifest, run }: Program): Promise<void> {
  switch (commandOf(args)) {
    case 'run':
      return await run();
    case 'help':
      process.stdout.write(usage);
      return;
    case 'version':
      process.stdout.write(`${await versionIn(manifest)}\n`);
      return;
    case 'unknown':
      process.stderr.write('unknown arguments; run with --help to list the known ones\n');
      process.exitCode = 2;
  }
}

function commandOf(args: readonly string[]): 'run' | 'help' | 'version' | 'unknown' {
  const flag = (short: string) => ({ type: 'boolean', short }) as const;
  try {
    const { values } = parseArgs({ args: [...args], options: { help: flag('h'), version: flag('v') } });
    if (values.help === true) return 'help';
    return values.version === true ? 'version' : 'run';
  } catch {
    // Thrown for unknown options, for values of flags and for positional arguments.
    return 'unknown';
  }
}

/** Reads the version of a package from its package.json. */
export async function versionIn(manifest: URL): Promise<string> {
  // The cast is safe, because npm does not install a package whose manifest has no version.
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
  return version;
}
