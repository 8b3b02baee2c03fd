import type { Download } from '../../context/download-links.ts';
import { createRateLimiter } from '../../context/rate-limiter.ts';
import { tenantKey } from '../../domain/tenant.ts';
import { RateLimitedError } from '../../errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import { Counts } from '../../runtime/counts.ts';

export interface DownloadLimitsOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Maximum number of concurrent downloads of all tenants together. */
  readonly total: number;
  /**
   * Maximum number of concurrent downloads by one link. Clients that read ranges in parallel need several. @default 16
   */
  readonly perLink?: number;
  /** Maximum average number of requests by one link per second. @default 20 */
  readonly requestsPerSecond?: number;
  /** Maximum number of requests by one link in a burst. @default 200 */
  readonly requestBurst?: number;
}

/** Bounds downloads, so that no link and no tenant takes the room of the others. */
export interface DownloadLimits {
  /**
   * Counts a download in until the result is disposed of.
   * @throws {RateLimitedError} there is no room for the download, or the link was used too often recently
   */
  enter(download: Download): Disposable;
}

/** `retryAfterMs` of a rejected download. */
const retryAfterMs = 1_000;

export function createDownloadLimits(options: DownloadLimitsOptions): DownloadLimits {
  const { clock, total, perLink = 16, requestsPerSecond = 20, requestBurst = 200 } = options;
  // A link cannot be invented, so that the limiter need not protect real ones from others.
  const isAccepted = () => true;
  const rate = createRateLimiter({ clock, perSecond: requestsPerSecond, burst: requestBurst, isAccepted });
  const tenants = new Counts();
  const links = new Counts();
  let all = 0;

  return {
    enter: ({ caller, id }) => {
      const tenant = tenantKey(caller.tenant);
      const link = JSON.stringify([tenant, id]);
      rate.take({ ...caller, principal: link });
      if (links.of(link) >= perLink) throw noRoom('by this link');
      // A tenant may use at most half of the room that the others leave free, so that a new tenant always finds room.
      if (tenants.of(tenant) >= total - all) throw noRoom('of this sandbox');
      all += 1;
      tenants.add(tenant, 1);
      links.add(link, 1);
      return {
        [Symbol.dispose]: () => {
          all -= 1;
          tenants.add(tenant, -1);
          links.add(link, -1);
        },
      };
    },
  };
}

const noRoom = (whose: string) =>
  new RateLimitedError({ message: `Too many downloads ${whose} at this moment.`, retryAfterMs });
