import { systemClock } from '../runtime/clock.ts';
import { runProgram } from '../runtime/command-line.ts';
import { explainError } from '../runtime/explain-error.ts';
import { createLogger } from '../runtime/logger.ts';
import { endProcess, listenForStop } from '../runtime/stop-request.ts';
import { probablyMisspelt } from '../runtime/unknown-variables.ts';
import { EnvironmentError, readEnvironment, usage, variableNames } from './environment.ts';

/**
 * Grace period for closing started resources when a signal arrives during the start. Work that is not finished by then
 * is aborted.
 */
const startAbortMs = 900;

/** Runs until a signal arrives. The exit code is 1 when the emulator cannot run, 2 when a variable is invalid. */
async function main(): Promise<void> {
  const stop = listenForStop(systemClock);
  try {
    await run(stop.signal, stop.arrived);
  } catch (error) {
    if (stop.signal.aborted && !(error instanceof AggregateError)) return;
    process.stderr.write(`${explainError(error, { port: 'EMULATOR_PORT', host: 'EMULATOR_HOST' })}\n`);
    process.exitCode = error instanceof EnvironmentError ? 2 : 1;
  }
}

/** @throws the reason of the signal when it aborts during the start, after everything that was started is closed */
async function run(signal: AbortSignal, stopped: Promise<void>): Promise<void> {
  const { options, logLevel } = readEnvironment(process.env);
  const onEarlyStop = () => {
    systemClock.deadline(startAbortMs).signal.addEventListener('abort', () => endProcess());
  };
  signal.addEventListener('abort', onEarlyStop, { once: true });
  // Imported here because loading takes longer than all steps above, and a signal must find its handler installed.
  const { SeedError, startEmulator, StateFolderError } = await import('./emulator.ts');
  signal.throwIfAborted();
  const logger = createLogger({ level: logLevel });
  for (const message of probablyMisspelt(process.env, variableNames)) logger.warn(message);
  await using emulator = await startEmulator({ ...options, logger, signal }).catch((error: unknown) => {
    const isAboutVariable = error instanceof StateFolderError || error instanceof SeedError;
    throw isAboutVariable ? new EnvironmentError(error.message) : error;
  });
  signal.removeEventListener('abort', onEarlyStop);
  process.stdout.write(`ready ${emulator.url}\n`);
  await stopped;
}

await runProgram(process.argv.slice(2), {
  usage,
  manifest: new URL('../../package.json', import.meta.url),
  run: main,
});
