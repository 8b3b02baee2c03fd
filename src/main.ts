import { type AppOptions, startApp } from './app.ts';
import { type Config, ConfigurationError, loadConfig } from './config.ts';
import { Lifecycle } from './runtime/lifecycle.ts';
import { createLogger, type Logger } from './runtime/logger.ts';

/** Runs until a signal. The exit code is 2 when the configuration is wrong, 1 when something else keeps it from running. */
async function main(): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
  await using lifecycle = new Lifecycle();
  try {
    const config = loadConfig(process.env);
    const logger = createLogger({ level: config.logLevel });
    const platform = await findPlatform(config, logger, lifecycle);
    const app = await startApp({ config, platform, logger });
    lifecycle.add('gateway', () => app.close());
    process.stdout.write(`ready ${app.url}/graphql\n`);
    await stopped;
    logger.info('shutting down');
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    process.exitCode = error instanceof ConfigurationError ? 2 : 1;
  }
}

async function findPlatform(config: Config, logger: Logger, lifecycle: Lifecycle): Promise<AppOptions['platform']> {
  switch (config.platform.kind) {
    case 'remote':
      return config.platform;
    case 'emulator': {
      // Loaded only here: a production install may leave the emulator's database out.
      const { startEmulator } = await import('./emulator/emulator.ts');
      const { profiles, directory } = config.platform;
      const emulator = await startEmulator({
        profiles,
        ...(directory === null ? {} : { directory }),
        logger,
      });
      lifecycle.add('emulator', () => emulator.close());
      return { baseUrl: emulator.url, imsUrl: emulator.url };
    }
  }
}

/** One line, for people: what went wrong and what to do about it. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? error.code : null;
  if (code === 'EADDRINUSE') return `${error.message}: another program uses that port; set PORT to a free one, or to 0`;
  return error.message.replaceAll(/\s*\n\s*/g, ' ');
}

await main();
