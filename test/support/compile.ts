import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Compiles the sources as `npm start` does, once for all tests that start a process. Types are not checked here. */
export async function setup(): Promise<void> {
  await promisify(execFile)(process.execPath, ['build.js', '--unchecked'], { cwd: root });
}
