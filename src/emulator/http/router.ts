import { requestErrors, type Service } from '../errors.ts';
import type { Operation } from './operation.ts';

export interface Route {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path with `:name` placeholders for one segment each. A trailing slash of the request path is ignored. */
  readonly path: string;
  readonly service: Service;
  /**
   * Headers that are checked before the operation runs: none (`open`), the platform headers (`organization`), or the
   * platform headers and a sandbox (`sandbox`).
   */
  readonly access: 'open' | 'organization' | 'sandbox';
  readonly operation: Operation;
}

export type RouteMatch =
  | { readonly kind: 'found'; readonly route: Route; readonly parameters: Readonly<Record<string, string>> }
  | { readonly kind: 'wrong-method'; readonly route: Route; readonly allowed: readonly string[] }
  | { readonly kind: 'unknown'; readonly service: Service };

/** Creates a lookup function from a route table. */
export function createRouter(table: readonly Route[]): (method: string, path: string) => RouteMatch {
  const compiled = table.map((route) => ({ route, pattern: segmentsOf(route.path) }));

  return (method, path) => {
    const service = serviceOf(path);
    const segments = segmentsOf(path);
    const onPath = compiled.filter(({ pattern }) => matches(pattern, segments));
    const found = onPath.find(({ route }) => route.method === method);
    if (found) {
      return { kind: 'found', route: found.route, parameters: parametersOf(found.pattern, segments, service) };
    }
    const [first] = onPath;
    if (first === undefined) return { kind: 'unknown', service };
    return { kind: 'wrong-method', route: first.route, allowed: onPath.map(({ route }) => route.method) };
  };
}

/** The service that owns the base path of a request. Unknown paths belong to the profile service. */
function serviceOf(path: string): Service {
  if (path.startsWith('/ims/')) return 'ims';
  if (path.startsWith('/data/foundation/catalog')) return 'catalog';
  if (path.startsWith('/data/foundation/export')) return 'data-access';
  if (path.startsWith('/data/foundation/sandbox-management')) return 'sandbox';
  if (path.startsWith('/data/core/ups/access')) return 'profile-access';
  return 'ups';
}

function segmentsOf(path: string): readonly string[] {
  return path.replace(/^\//, '').replace(/\/$/, '').split('/');
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((part, index) => part === segments[index] || (part.startsWith(':') && segments[index] !== ''))
  );
}

function parametersOf(pattern: readonly string[], segments: readonly string[], service: Service) {
  const parameters: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    if (part.startsWith(':')) parameters[part.slice(1)] = decode(segments[index] ?? '', service);
  }
  return parameters;
}

function decode(segment: string, service: Service): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw requestErrors.malformedPath(service);
  }
}
