import { startApp } from '../../../src/app.ts';
import { loadConfig } from '../../../src/config/config.ts';
import { serve, usage } from './channel.ts';

const handlers = {
  /** Starts the gateway as in production, but without limits per caller. */
  start: async ({ platformUrl }: { readonly platformUrl: string }): Promise<string> => {
    const config = loadConfig({
      PORT: '0',
      AEP_BASE_URL: platformUrl,
      AUTH_MODE: 'embedded',
      LOG_LEVEL: 'warn',
      MAX_SUBSCRIPTIONS_PER_CALLER: '100000',
      MAX_SUBSCRIPTIONS_PER_TENANT: '100000',
      MAX_SUBSCRIPTIONS: '100000',
      RATE_LIMIT_PER_SECOND: '0',
    });
    const app = await startApp({ config, version: 'bench', platform: { baseUrl: platformUrl, imsUrl: platformUrl } });
    return app.url;
  },
  usage,
};

export type GatewayHost = typeof handlers;
serve(handlers);
