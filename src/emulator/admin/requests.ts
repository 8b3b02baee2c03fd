import { z } from 'zod';
import { integer } from '../../runtime/variable.ts';
import { json, type Reply } from '../http/operation.ts';
import type { RequestLog } from '../http/request-log.ts';
import type { RecordedRequest } from '../options.ts';
import { type AdminEndpoint, parseAs } from './endpoint.ts';

const query = z.strictObject({
  /** A request number (exclusive) or a time (inclusive). */
  since: z
    .union(
      [
        z.string().regex(/^\d+$/).transform(Number),
        z.iso.datetime({ offset: true }).transform((text) => new Date(text)),
      ],
      {
        error: 'must be the number of a request, or a time such as 2026-01-01T00:00:00Z',
      },
    )
    .optional(),
  path: z.string().startsWith('/').optional(),
  method: z.string().optional(),
  limit: integer(1, 10_000).default(1_000),
});

/** Lists the answered requests, oldest first, and clears the list. */
export function requestsEndpoint(log: RequestLog): AdminEndpoint {
  return {
    path: '/requests',
    summary: 'GET lists the received requests (?since=&path=&method=&limit=), DELETE clears the list',
    methods: {
      GET: ({ query: sent }) => list(log, parseAs(query, Object.fromEntries(sent), 'query')),
      DELETE: () => {
        log.clear();
        return { kind: 'empty', status: 204 };
      },
    },
  };
}

function list(log: RequestLog, { since, path, method, limit }: z.output<typeof query>): Reply {
  const isRecent = (request: RecordedRequest) => {
    if (since === undefined) return true;
    return typeof since === 'number' ? request.number > since : request.time >= since;
  };
  const found = log.requests.filter(
    (request) =>
      isRecent(request) &&
      (path === undefined || request.path.startsWith(path)) &&
      (method === undefined || request.method === method.toUpperCase()),
  );
  return json({ total: found.length, requests: found.slice(-limit).map(shown) });
}

function shown({ path: target, time, ...request }: RecordedRequest) {
  const [path = '', ...rest] = target.split('?');
  return { ...request, time: time.toISOString(), path, query: rest.join('?') };
}
