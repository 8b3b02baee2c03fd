import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Headers of a response that scripts of a configured origin may read, in addition to those that browsers always show.
 */
export const exposedHeaders = [
  'accept-ranges',
  'content-disposition',
  'content-length',
  'content-range',
  'etag',
  'retry-after',
  'x-request-id',
] as const;

/** How long a browser may remember the response to a preflight, in seconds. */
export const preflightSeconds = 600;

export interface PreflightOptions {
  /** Methods that the path serves. */
  readonly methods: readonly string[];
  /** Request headers that the path understands; named when the preflight does not list any. */
  readonly headers: readonly string[];
}

/** Cross-origin access for the paths that Yoga does not serve, by the same origins. */
export interface Cors {
  /**
   * Adds the headers that let a script of a configured origin read the response. Call it before the status is written,
   * also for a response that reports a failure: otherwise the script sees a network error instead of the reason.
   */
  allow(request: IncomingMessage, response: ServerResponse): void;
  /**
   * Responds with 204 when the request is a preflight. A preflight of another origin gets the same status without
   * permission, which makes the browser refuse the request.
   * @returns whether the request was a preflight, so that it has its response; false whenever no origin is configured
   */
  preflight(request: IncomingMessage, response: ServerResponse, options: PreflightOptions): boolean;
}

/** @param origins exact origins, as `Origin` states them; none turns cross-origin access off */
export function createCors(origins: readonly string[]): Cors {
  const permitted = new Set(origins);
  const isPermitted = ({ headers }: IncomingMessage) => headers.origin !== undefined && permitted.has(headers.origin);

  const nameOrigin = (request: IncomingMessage, response: ServerResponse): void => {
    if (permitted.size === 0) return;
    // Also without an Origin header, because a cache must not return this response to a script.
    response.setHeader('vary', 'Origin');
    if (!isPermitted(request)) return;
    response.setHeader('access-control-allow-origin', request.headers.origin ?? '');
    response.setHeader('access-control-allow-credentials', 'true');
  };

  return {
    allow: (request, response) => {
      nameOrigin(request, response);
      if (isPermitted(request)) response.setHeader('access-control-expose-headers', exposedHeaders.join(', '));
    },

    preflight: (request, response, { methods, headers }) => {
      const { origin, 'access-control-request-headers': requested } = request.headers;
      const isPreflight =
        request.method === 'OPTIONS' &&
        origin !== undefined &&
        request.headers['access-control-request-method'] !== undefined;
      if (!isPreflight || permitted.size === 0) return false;
      nameOrigin(request, response);
      response.setHeader('vary', 'Origin, Access-Control-Request-Headers');
      if (isPermitted(request)) {
        response.setHeader('access-control-allow-methods', methods.join(', '));
        response.setHeader('access-control-allow-headers', requested ?? headers.join(', '));
        response.setHeader('access-control-max-age', preflightSeconds);
      }
      response.writeHead(204).end();
      return true;
    },
  };
}
