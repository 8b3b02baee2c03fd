import { createContext, type ReactNode, use, useEffect, useState } from 'react';
import { Provider } from 'urql';
import { createExportJobFeed } from '../board/export-jobs.ts';
import { createSegmentJobFeed } from '../board/segment-jobs.ts';
import type { ConnectionStore } from '../live/connection.ts';
import { createNameStore, type NameStore } from '../live/names.ts';
import { createGatewayClient, type GatewayClient } from './client.ts';
import { browserClock } from './clock.ts';
import type { Credential, SessionStore } from './session.ts';

/** Access of the pages to the gateway, with one credential and in one sandbox. */
export interface Gateway {
  readonly connection: ConnectionStore;
  readonly names: NameStore;
  readonly exportJobs: ReturnType<typeof createExportJobFeed>;
  readonly segmentJobs: ReturnType<typeof createSegmentJobFeed>;
}

const GatewayContext = createContext<Gateway | null>(null);

/** @throws outside of `GatewayProvider` */
export function useGateway(): Gateway {
  const gateway = use(GatewayContext);
  if (gateway === null) throw new Error('There is no gateway around this component.');
  return gateway;
}

export interface GatewayProviderProps {
  readonly credential: Credential;
  /** An empty text: the default of the gateway. */
  readonly sandbox: string;
  readonly session: SessionStore;
  readonly children: ReactNode;
}

/** Connects to the gateway. Another credential or sandbox needs another provider, so that no data of one is left in the other. */
export function GatewayProvider({ credential, sandbox, session, children }: GatewayProviderProps) {
  const [opened, setOpened] = useState<(Gateway & { readonly transport: GatewayClient }) | null>(null);
  useEffect(() => {
    const transport = createGatewayClient({
      credential,
      sandbox,
      clock: browserClock,
      onRejected: (reason) => session.signOut(reason),
    });
    const exportJobs = createExportJobFeed(transport.client, browserClock);
    const segmentJobs = createSegmentJobFeed(transport.client, browserClock);
    const names = createNameStore(transport.client, browserClock);
    setOpened({ connection: transport.connection, names, exportJobs, segmentJobs, transport });
    return () => {
      exportJobs.close();
      segmentJobs.close();
      names.close();
      transport.close();
      setOpened(null);
    };
  }, [credential, sandbox, session]);
  if (opened === null) return null;
  return (
    <Provider value={opened.transport.client}>
      <GatewayContext value={opened}>{children}</GatewayContext>
    </Provider>
  );
}
