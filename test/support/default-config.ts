import { loadConfig } from '../../src/config/config.ts';

/** The configuration of an empty environment. Unit tests of the parts that it configures use its values. */
export const defaultConfig = loadConfig({});

const { polling, upstream, server } = defaultConfig;

/** Settings of a feed registry. */
export const defaultPolling = {
  pollMinMs: polling.minMs,
  pollMaxMs: polling.maxMs,
  authorizationLeaseMs: polling.authorizationLeaseMs,
  confirmStateMs: polling.confirmStateMs,
};

/** Settings of the platform clients. */
export const defaultUpstream = { callTimeoutMs: upstream.timeoutMs, callsPerSecond: upstream.callsPerSecond };

/** Settings of the connections to clients. */
export const defaultPingInterval = { pingIntervalMs: server.pingIntervalMs };
