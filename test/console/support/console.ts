import { type Gateway, type GatewayOptions, startGateway } from '../../support/gateway.ts';

/** The console as `npm start` builds it. */
export const consoleFolder = new URL('../../../dist/console/', import.meta.url);

/** Starts a gateway that serves the console. */
export const startConsole = (options: Omit<GatewayOptions, 'consoleFolder'>): Promise<Gateway> =>
  startGateway({ ...options, consoleFolder });
