import { setMaxListeners } from 'node:events';
import { type buildConnector, type Dispatcher, Pool } from 'undici';

/** One use of the connections to one origin. */
export interface PoolUse extends Disposable {
  readonly dispatcher: Pick<Dispatcher, 'request'>;
}

export interface RouterPoolsOptions {
  /** Connections to one origin, which is also the number of requests in flight to it. */
  readonly connections: number;
  readonly connect: buildConnector.BuildOptions;
}

interface RouterPool {
  readonly pool: Pool;
  /** Ends connections that are being established. undici ends only established connections. */
  readonly closing: AbortController;
  users: number;
}

/** Connections to routers. Those to one origin exist while they have users, so that an idle origin holds nothing. */
export class RouterPools implements AsyncDisposable {
  readonly #options: RouterPoolsOptions;
  readonly #pools = new Map<string, RouterPool>();

  constructor(options: RouterPoolsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#pools.size;
  }

  use(origin: string): PoolUse {
    const used = this.#pools.get(origin) ?? this.#open(origin);
    used.users += 1;
    let isUsed = true;
    return {
      dispatcher: used.pool,
      [Symbol.dispose]: () => {
        if (!isUsed) return;
        isUsed = false;
        used.users -= 1;
        if (used.users > 0) return;
        this.#pools.delete(origin);
        void close(used);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#pools.values()].map(close));
  }

  #open(origin: string): RouterPool {
    const { connections, connect } = this.#options;
    const closing = new AbortController();
    // Each connection has one listener, which is no leak.
    setMaxListeners(0, closing.signal);
    const pool = new Pool(origin, {
      connections,
      connect: { ...connect, signal: closing.signal },
      // The deadline of a callback covers all of its request.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const opened = { pool, closing, users: 0 };
    this.#pools.set(origin, opened);
    return opened;
  }
}

async function close({ pool, closing }: RouterPool): Promise<void> {
  const closed = pool.destroy();
  closing.abort();
  await closed;
}
