import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** The core of the servers, and the core of the load generator and the static upstream. */
export const [serverCore, loadCore] = [0, 1];
const canPin = availableParallelism() > 1 && hasTaskset();

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Moves this process to the core of the load. Its child processes stay there, unless `start` gets another core. */
export function pinLoad(): boolean {
  if (canPin) execFileSync('taskset', ['-a', '-c', '-p', String(loadCore), String(process.pid)], { stdio: 'ignore' });
  return canPin;
}

/** A server in a separate process. Disposing ends it. */
export interface Running extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

export interface StartOptions {
  /** Arguments of `node`. */
  readonly args: readonly string[];
  readonly core: number;
  readonly env?: Readonly<Record<string, string>>;
}

const startMs = 120_000;

/** @throws {Error} when the process ends, or prints no ready line in time */
export async function start({ args, core, env = {} }: StartOptions): Promise<Running> {
  const command = [...(canPin ? ['taskset', '-c', String(core)] : []), process.execPath, ...args];
  const [program = '', ...rest] = command;
  const child = spawn(program, rest, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_ENV: 'production', ...env },
  });
  const ended = once(child, 'exit');
  const url = await readyUrl(child, args.join(' '));
  return {
    url,
    // A process that has printed something has an id. `taskset` replaces itself with the program that it starts.
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await ended;
    },
  };
}

async function readyUrl(child: ChildProcess, name: string): Promise<string> {
  const deadline = setTimeout(() => child.kill(), startMs);
  try {
    return await new Promise<string>((resolve, reject) => {
      let text = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const url = /^ready (\S+)$/m.exec(text)?.[1];
        if (url !== undefined) resolve(url);
      });
      child.on('error', reject);
      child.on('exit', () => reject(new Error(`${name} ended before it was ready.`)));
    });
  } finally {
    clearTimeout(deadline);
  }
}

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** User and system time of all threads of a process, in milliseconds. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Fields are counted after the program name, which may contain spaces: utime and stime are the 12th and 13th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksPerSecond;
}

/** Largest resident set since the start or the last `forgetPeak`, in MB. */
export function peakMbOf(pid: number): number {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kib) * 1_024) / 1_000_000;
}

/** Resets the peak of the resident set. */
export const forgetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5');
