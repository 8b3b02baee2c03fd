import type { AppOptions } from './app.ts';
import { type Config, ConfigurationError, loadConfig, probableMistakes } from './config/config.ts';
import { usage } from './config/usage.ts';
import { systemClock } from './runtime/clock.ts';
import { collectGarbage } from './runtime/collect-garbage.ts';
import { runProgram, versionIn } from './runtime/command-line.ts';
import { explainError } from './runtime/explain-error.ts';
import { Lifecycle } from './runtime/lifecycle.ts';
import { createLogger, type Logger } from './runtime/logger.ts';
import { endProcess, listenForStop } from './runtime/stop-request.ts';
import { configureV8 } from './runtime/v8.ts';

/**
 * Time for closing all started parts when a signal arrives during the start, in milliseconds. Remaining work is stopped
 * afterwards.
 */
const startAbortMs = 900;

/**
 * Delay after the start before its garbage is collected, in milliseconds. The garbage is a fifth of the memory of an
 * idle gateway.
 */
const settledMs = 1_000;

const manifest = new URL('../package.json', import.meta.url);
/** The built console. The relative path is valid in the sources and in `dist`. */
const consoleFolder = new URL('../dist/console/', import.meta.url);

/**
 * Runs until a signal. The exit code is 2 when the configuration is wrong, and 1 when another problem prevents the
 * start.
 */
async function main(): Promise<void> {
  configureV8();
  const stop = listenForStop(systemClock);
  try {
    await run(stop.signal, stop.arrived);
  } catch (error) {
    // The start was aborted on purpose, so errors that follow from it are not reported.
    if (stop.signal.aborted && !(error instanceof AggregateError)) return;
    process.stderr.write(`${explainError(error, { port: 'PORT', host: 'HOST' })}\n`);
    process.exitCode = error instanceof ConfigurationError ? 2 : 1;
  }
}

/** @throws the reason of the signal when it aborts during the start, after all started parts were closed */
async function run(signal: AbortSignal, stopped: Promise<void>): Promise<void> {
  const config = loadConfig(process.env);
  const logger = createLogger({ level: config.logLevel });
  for (const message of probableMistakes(process.env)) logger.warn(message);
  const onEarlyStop = () => {
    logger.info('shutting down during the start');
    // A deadline does not keep the process alive, so it has no effect when everything closes in time.
    systemClock.deadline(startAbortMs).signal.addEventListener('abort', () => endProcess());
  };
  signal.addEventListener('abort', onEarlyStop, { once: true });
  await using lifecycle = new Lifecycle();
  const finding = findPlatform(config, { logger, lifecycle, signal });
  // Loaded only after the signal listeners are installed, because it takes longer than everything before. Meanwhile the
  // emulator fills its database in its own threads.
  const loading = import('./app.ts');
  // The import is awaited below. If the start ends before, it ends for another reason.
  loading.catch(() => undefined);
  const platform = await finding;
  signal.throwIfAborted();
  const { startApp } = await loading;
  signal.throwIfAborted();
  const app = await startApp({ config, version: await versionIn(manifest), platform, consoleFolder, logger });
  lifecycle.add('gateway', () => app.close());
  signal.throwIfAborted();
  signal.removeEventListener('abort', onEarlyStop);
  process.stdout.write(`ready ${app.url}/graphql\n`);
  void releaseStartMemory(logger, signal);
  await stopped;
  logger.info('shutting down');
}

/**
 * Collects the garbage of the start. Nothing depends on it. A failure only costs memory, and a signal makes it
 * unnecessary.
 */
async function releaseStartMemory(logger: Logger, signal: AbortSignal): Promise<void> {
  try {
    await systemClock.sleep(settledMs, signal);
    await collectGarbage();
    logger.debug({ residentBytes: process.memoryUsage.rss() }, 'the memory of the start is released');
  } catch (err) {
    if (!signal.aborted) logger.warn({ err }, 'the memory of the start could not be released');
  }
}

async function findPlatform(
  config: Config,
  {
    logger,
    lifecycle,
    signal,
  }: { readonly logger: Logger; readonly lifecycle: Lifecycle; readonly signal: AbortSignal },
): Promise<AppOptions['platform']> {
  switch (config.platform.kind) {
    case 'remote':
      return config.platform;
    case 'emulator': {
      // Loaded only in this mode, because a production installation may omit the emulator's database.
      const { SeedError, startEmulator, StateFolderError } = await import('./emulator/emulator.ts');
      try {
        const emulator = await startEmulator({ ...config.platform.options, logger, signal });
        lifecycle.add('emulator', () => emulator.close());
        return { baseUrl: emulator.url, imsUrl: emulator.url };
      } catch (error) {
        const isAboutVariable = error instanceof StateFolderError || error instanceof SeedError;
        throw isAboutVariable ? new ConfigurationError([error.message]) : error;
      }
    }
  }
}

await runProgram(process.argv.slice(2), {
  usage,
  manifest,
  run: main,
});
