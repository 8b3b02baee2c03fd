import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endWithThisProcess } from './end-with-this-process.ts';
import { lookForSecrets } from './secrets.ts';

const { PATH, HOME } = process.env;
const root = fileURLToPath(new URL('../../', import.meta.url));

/** The gateway as a separate process, started like `npm start`. */
export interface GatewayProcess extends AsyncDisposable {
  /** All lines of standard output so far. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /**
   * `http://HOST:PORT` from the ready line.
   * @throws when the process ends before it is ready
   */
  ready(): Promise<string>;
  /**
   * Resolves when a line of standard error contains `part`.
   * @throws when the process ends first
   */
  logged(part: string): Promise<void>;
  signal(name: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): void;
  /** Sends a message to a module that was loaded into the process besides the gateway, and returns its next reply. */
  ask(message: string): Promise<unknown>;
  /** Exit code, when the process has ended and all its output has been read. */
  ended(): Promise<number | null>;
}

/** Node arguments for the gateway compiled by `compile.ts`, relative to the repository root. */
const compiled = ['dist/main.js'];

/**
 * Starts the gateway with exactly these environment variables. Its output is searched for secrets. Disposing kills it.
 * @param args Node arguments. @default the compiled gateway without further arguments
 */
export function startProcess(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = compiled,
): GatewayProcess {
  const child: ChildProcess = endWithThisProcess(
    spawn(process.execPath, args, {
      cwd: root,
      env: { PATH, HOME, EMULATOR_PROFILES: '50', LOG_LEVEL: 'debug', ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    }),
  );
  const ended = once(child, 'close').then(([code]): number | null => code);
  const stdout: string[] = [];
  const stderr: string[] = [];
  const gone = (code: number | null) => new Error(`The process ended with ${code}: ${stderr.join('\n')}`);
  const ready = new Promise<string>((resolve, reject) => {
    readLines(child.stdout, (line) => {
      stdout.push(line);
      const url = /^ready (http:\/\/\S+)\/graphql$/.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    });
    ended.then((code) => reject(gone(code)), reject);
  });
  // Callers that never wait for the ready line need no rejection.
  ready.catch(() => {});
  const lines = new EventEmitter();
  readLines(child.stderr, (line) => {
    stderr.push(line);
    lines.emit('line');
  });

  return {
    stdout,
    stderr,
    ready: () => ready,
    logged: async (part) => {
      while (!stderr.some((line) => line.includes(part))) {
        await Promise.race([once(lines, 'line'), ended.then((code) => Promise.reject(gone(code)))]);
      }
    },
    ask: async (message) => {
      const answered = once(child, 'message');
      child.send(message);
      const [answer] = await Promise.race([answered, ended.then((code) => Promise.reject(gone(code)))]);
      return answer;
    },
    signal: (name) => void child.kill(name),
    ended: () => ended,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function readLines(stream: ChildProcess['stdout'], take: (line: string) => void): void {
  if (stream === null) return;
  createInterface({ input: stream }).on('line', (line) => {
    lookForSecrets('the output of a process', line);
    take(line);
  });
}
