import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import { endWithThisProcess } from './end-with-this-process.ts';

/**
 * A program that runs. Disposing kills it and the processes that it started. They also end together with this process.
 */
export interface Program extends AsyncDisposable {
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
   * @throws with the output of a program that failed, or the reason why it did not start
   */
  succeeded(): Promise<void>;
}

export interface ProgramOptions {
  readonly cwd: string;
  /** Environment variables in addition to those of the test. */
  readonly env?: Readonly<Record<string, string>>;
  /** Kills the program. @default it may run as long as it takes */
  readonly timeoutMs?: number;
}

export function launch(
  command: string,
  args: readonly string[],
  { cwd, env = {}, timeoutMs }: ProgramOptions,
): Program {
  // A process group of its own, so that a signal reaches all processes that the program starts.
  const child = endWithThisProcess(
    spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
  const lines: string[] = [];
  const output: string[] = [];
  const arrivals = new EventEmitter();
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    output.push(line);
    arrivals.emit('line');
  });
  createInterface({ input: child.stderr }).on('line', (line) => output.push(line));
  const shown = [command, ...args].join(' ');
  /** Why it failed; null after success. */
  const ended = once(child, 'close').then(
    ([code, signal]): string | null =>
      code === 0 ? null : `${shown} ended with ${code ?? signal}:\n${output.join('\n')}`,
    (error: Error) => `${shown} did not start: ${error.message}`,
  );
  const kill = () => {
    if (child.exitCode === null && child.signalCode === null) signalGroup(child, 'SIGKILL');
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(kill, timeoutMs);
  ended.then(
    () => clearTimeout(timer),
    () => {},
  );
  return {
    lines,
    line: async (part) => {
      for (;;) {
        const found = lines.find((line) => line.includes(part));
        if (found !== undefined) return found;
        const fail = async () => {
          const failure = await ended;
          throw new Error(failure ?? `${shown} wrote no line with ${part}:\n${output.join('\n')}`);
        };
        await Promise.race([once(arrivals, 'line'), fail()]);
      }
    },
    signal: (name) => signalGroup(child, name),
    ended: async () => {
      await ended;
    },
    succeeded: async () => {
      const failure = await ended;
      if (failure !== null) throw new Error(failure);
    },
    [Symbol.asyncDispose]: async () => {
      kill();
      await ended;
    },
  };
}

function signalGroup({ pid }: ChildProcess, name: NodeJS.Signals): void {
  if (pid !== undefined) process.kill(-pid, name);
}
