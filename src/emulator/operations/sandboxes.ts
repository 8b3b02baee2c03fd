import { PlatformError } from '../errors.ts';
import { json, type Operation } from '../http/operation.ts';
import type { JsonObject } from '../json.ts';
import type { Sandbox } from '../store/platform-store-sandboxes.ts';
import { linkOrigin } from './data-access-page.ts';

const defaultLimit = 50;

/** Properties that can filter a list, as in `property=name==prod`. */
const filterable = ['name', 'title', 'state', 'type', 'region'] as const;

/** `GET /sandbox-management/` and `/sandboxes`. `limit` and `offset` must be sent together. */
export const listSandboxes: Operation = async (call, { store, quirks }) => {
  const { limit, offset } = pageOf(call.query);
  const sandboxes = sorted(narrowed(await store.sandboxes.list(), call.query), call.query);
  const page = sandboxes.slice(offset, offset + limit);
  const template = `${linkOrigin(call.origin, quirks)}${call.path}?limit={limit}&offset={offset}`;
  const hasMore = offset + limit < sandboxes.length;
  return json({
    sandboxes: page.map(shown),
    _page: { limit, count: page.length },
    _links: {
      next: hasMore && quirks.sandboxNextLink === 'template' ? { href: template, templated: true } : undefined,
      page: { href: template, templated: true },
    },
  });
};

/** `GET /sandbox-management/sandboxes/{name}` */
export const getSandbox: Operation = async ({ parameters }, { store }) => {
  const name = parameters['name'] ?? '';
  const sandbox = await store.sandboxes.find(name);
  if (sandbox === null) throw new PlatformError(404, 'SMS-2074-404', `The sandbox ${name} does not exist.`);
  return json(shown(sandbox));
};

/** `GET /sandbox-management/sandboxTypes` */
export const listSandboxTypes: Operation = () =>
  Promise.resolve(
    json({
      sandboxTypes: [
        { id: 'production', title: 'Production' },
        { id: 'development', title: 'Development' },
      ],
    }),
  );

/** A sandbox as API clients receive it. The platform returns the id only to its own services. */
function shown({ id: _id, ...sandbox }: Sandbox): JsonObject {
  return sandbox;
}

function pageOf(query: URLSearchParams): { limit: number; offset: number } {
  const limit = query.get('limit');
  const offset = query.get('offset');
  if (limit === null && offset === null) return { limit: defaultLimit, offset: 0 };
  if (limit === null || offset === null) throw invalid('limit and offset must be sent together');
  if (!/^[1-9]\d{0,8}$/.test(limit) || !/^\d{1,9}$/.test(offset)) throw invalid('limit and offset must be integers');
  return { limit: Number(limit), offset: Number(offset) };
}

function narrowed(sandboxes: readonly Sandbox[], query: URLSearchParams): readonly Sandbox[] {
  return query.getAll('property').reduce((left, expression) => {
    const [name, value] = expression.split('==');
    const property = filterable.find((each) => each === name);
    if (property === undefined || value === undefined) throw invalid(`property cannot be understood: ${expression}`);
    return left.filter((sandbox) => sandbox[property] === value);
  }, sandboxes);
}

/** Sorts by `orderBy=asc:created` or `desc:created`; the given list is in creation order. */
function sorted(sandboxes: readonly Sandbox[], query: URLSearchParams): readonly Sandbox[] {
  return query.get('orderBy')?.startsWith('desc') ? sandboxes.toReversed() : sandboxes;
}

function invalid(message: string): PlatformError {
  return new PlatformError(400, 'SMS-2074-400', message);
}
