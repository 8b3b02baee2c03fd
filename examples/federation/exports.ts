import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The gateway of this repository, as a subgraph. */
export interface ExportsSubgraph extends AsyncDisposable {
  readonly url: string;
}

/** Connects to the gateway at `GATEWAY_URL`, or starts it from this repository, with its own emulator. */
export async function openExports(): Promise<ExportsSubgraph> {
  const url = process.env['GATEWAY_URL'];
  if (url !== undefined) return { url, [Symbol.asyncDispose]: async () => {} };
  const child = spawn(process.execPath, [fileURLToPath(new URL('../../dist/main.js', import.meta.url))], {
    env: { ...process.env, PORT: '0', LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const failed = ended.then(([code]) => Promise.reject(new Error(`The gateway ended with ${code}.`)));
  // The gateway ends normally when it is disposed.
  failed.catch(() => {});
  const [line] = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), failed]);
  return {
    url: String(line).replace('ready ', ''),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
