import { afterAll, beforeAll } from 'vitest';
import { type Gateway, type GatewayOptions, startGateway } from '../../support/gateway.ts';
import { type Emulator, startPlatform } from '../../support/platform.ts';

/** The console as `npm start` builds it. */
export const consoleFolder = new URL('../../../dist/console/', import.meta.url);

/** Starts a gateway that serves the console. */
export const startConsole = (options: Omit<GatewayOptions, 'consoleFolder'>): Promise<Gateway> =>
  startGateway({ ...options, consoleFolder });

/** Starts a gateway that serves the console to callers with a credential of the platform. */
export const startPassthroughConsole = (platform: Emulator): Promise<Gateway> => {
  const { url } = platform;
  return startConsole({
    platform,
    env: { AUTH_MODE: 'passthrough', AEP_BASE_URL: url, AEP_IMS_URL: url, CONSOLE: 'true' },
  });
};

/** A gateway with the console, and its platform. They exist while the tests of the file run. */
export interface ServedConsole {
  readonly gateway: Gateway;
  readonly platform: Emulator;
}

/** Starts a gateway with the console and a platform before the tests of the file, and closes both after them. */
export function serveConsole(): ServedConsole {
  let platform: Emulator | undefined;
  let gateway: Gateway | undefined;
  beforeAll(async () => {
    platform = await startPlatform();
    gateway = await startConsole({ platform });
  });
  afterAll(async () => {
    await gateway?.close();
    await platform?.close();
  });
  return {
    get gateway() {
      return started(gateway);
    },
    get platform() {
      return started(platform);
    },
  };
}

function started<Server>(server: Server | undefined): Server {
  if (server === undefined) throw new Error('The console is served only while tests run.');
  return server;
}
