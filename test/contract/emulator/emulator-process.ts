import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { endWithThisProcess } from '../../support/end-with-this-process.ts';
import { lookForSecrets } from '../../support/secrets.ts';

const repository = resolve(import.meta.dirname, '../../..');

/** Exit of a process. */
export interface Exit {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The emulator as a separate process, on a free port. Disposing stops the process. */
export class EmulatorProcess implements AsyncDisposable {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<Exit>;

  private constructor(url: string, child: ChildProcess, exit: Promise<Exit>) {
    this.url = url;
    this.#child = child;
    this.#exit = exit;
  }

  static async start(environment: Readonly<Record<string, string>>): Promise<EmulatorProcess> {
    const { child, exit } = launch({ EMULATOR_PORT: '0', LOG_LEVEL: 'error', ...environment });
    const lines = createInterface({ input: child.stdout });
    const ready = once(lines, 'line').then(([line]) => String(line));
    const line = await Promise.race([ready, exit.then(({ stderr }) => Promise.reject(new Error(stderr)))]);
    return new EmulatorProcess(line.replace('ready ', ''), child, exit);
  }

  /** Sends a signal and waits for the exit. */
  kill(signal: NodeJS.Signals): Promise<Exit> {
    this.#child.kill(signal);
    return this.#exit;
  }

  /** Stops the process gracefully, so that it removes its temporary folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGTERM');
  }
}

/** Runs the process until it exits. */
export function runEmulator(
  environment: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<Exit> {
  return launch(environment, args).exit;
}

/** Starts the process and sends it a signal as soon as its log contains `part`. */
export function stopEmulatorAt(
  part: string,
  signal: NodeJS.Signals,
  environment: Readonly<Record<string, string>>,
): Promise<Exit> {
  const { child, exit } = launch({ EMULATOR_PORT: '0', LOG_LEVEL: 'debug', ...environment });
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.includes(part)) child.kill(signal);
  });
  return exit;
}

function launch(environment: Readonly<Record<string, string>>, args: readonly string[] = []) {
  const child = endWithThisProcess(
    spawn(process.execPath, ['dist/emulator/main.js', ...args], {
      cwd: repository,
      env: { PATH: process.env['PATH'], ...environment },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString();
  });
  const exit = once(child, 'close').then(([code]): Exit => {
    lookForSecrets('the output of a process', output.stdout + output.stderr);
    return { code, ...output };
  });
  return { child, exit };
}
