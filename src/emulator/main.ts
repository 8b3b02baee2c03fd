import { createLogger } from '../runtime/logger.ts';
import { startEmulator } from './emulator.ts';
import { EnvironmentError, readEnvironment } from './environment.ts';

/** Runs until a signal. The exit code is 1 when the emulator cannot run, 2 when a variable is bad. */
async function main(): Promise<void> {
  // From the beginning, so that a signal during a long seeding still leaves nothing behind.
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
  try {
    const { options, logLevel } = readEnvironment(process.env);
    await using emulator = await startEmulator({ ...options, logger: createLogger({ level: logLevel }) });
    process.stdout.write(`ready ${emulator.url}\n`);
    await stopped;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${message.replaceAll(/\s+/g, ' ')}\n`);
    process.exitCode = error instanceof EnvironmentError ? 2 : 1;
  }
}

await main();
