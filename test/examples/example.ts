import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A program of an example that runs. Disposing kills it and the processes that it started. */
export interface RunningExample extends AsyncDisposable {
  /** All lines of standard output so far. */
  readonly lines: readonly string[];
  /**
   * The first line of standard output that contains `part`.
   * @throws when the program ends without such a line
   */
  line(part: string): Promise<string>;
  signal(name: NodeJS.Signals): void;
  /** Resolves when the program has ended in any way and all its output has been read. */
  ended(): Promise<void>;
  /**
   * Resolves when the program has ended successfully and all its output has been read.
   * @throws with the output of a program that failed
   */
  succeeded(): Promise<void>;
}

const folderOf = (name: string): string => join(import.meta.dirname, '../../examples', name);

/** Installs the dependencies of an example from its lockfile, as its readers do. */
export async function install(name: string): Promise<void> {
  await using installation = launch(folderOf(name), ['ci'], {});
  await installation.succeeded();
}

interface RunOptions {
  /** Environment variables in addition to those of the test. */
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of the script. */
  readonly args?: readonly string[];
}

/** Runs an npm script of an example. */
export const run = (name: string, script: string, { env = {}, args = [] }: RunOptions = {}): RunningExample =>
  launch(folderOf(name), ['run', '--silent', script, '--', ...args], env);

function launch(cwd: string, args: readonly string[], env: Readonly<Record<string, string>>): RunningExample {
  // A process group of its own, so that a signal reaches all processes that npm starts.
  const child = spawn('npm', args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  const output: string[] = [];
  const arrivals = new EventEmitter();
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    output.push(line);
    arrivals.emit('line');
  });
  createInterface({ input: child.stderr }).on('line', (line) => output.push(line));
  const ended = once(child, 'close').then(([code]): number | null => code);
  const failure = (code: number | null) => new Error(`npm ${args.join(' ')} ended with ${code}:\n${output.join('\n')}`);
  return {
    lines,
    line: async (part) => {
      for (;;) {
        const found = lines.find((line) => line.includes(part));
        if (found !== undefined) return found;
        await Promise.race([once(arrivals, 'line'), ended.then((code) => Promise.reject(failure(code)))]);
      }
    },
    signal: (name) => signalGroup(child, name),
    ended: async () => {
      await ended;
    },
    succeeded: async () => {
      const code = await ended;
      if (code !== 0) throw failure(code);
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) signalGroup(child, 'SIGKILL');
      await ended;
    },
  };
}

function signalGroup({ pid }: ChildProcess, name: NodeJS.Signals): void {
  if (pid !== undefined) process.kill(-pid, name);
}
