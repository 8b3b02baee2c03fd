import { useCallback } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { pages } from './paths.ts';

/** Parameter of the URL of each page. Without it, the gateway uses its default sandbox. */
const parameter = 'sandbox';

/** Parameters that name entities, which exist only in one sandbox. */
const entityParameters = ['dataset', 'segment', 'schedule', 'job'];

/** The sandbox that a URL names; an empty text if it names none. */
export const sandboxOf = (params: URLSearchParams): string => params.get(parameter) ?? '';

/** Parameters of the same page in a sandbox. @param sandbox an empty text: the default of the gateway */
export function inSandbox(params: URLSearchParams, sandbox: string): URLSearchParams {
  const changed = new URLSearchParams(params);
  if (sandbox === '') changed.delete(parameter);
  else changed.set(parameter, sandbox);
  return changed;
}

/** URL of the present page in another sandbox. The page of a job becomes the list, because the job is not there. */
export function pathInSandbox(pathname: string, params: URLSearchParams, sandbox: string): string {
  const changed = inSandbox(params, sandbox);
  for (const name of entityParameters) changed.delete(name);
  return changed.size === 0 ? listOf(pathname) : `${listOf(pathname)}?${changed}`;
}

function listOf(pathname: string): string {
  if (pathname.startsWith(pages.segmentJob)) return pages.segmentJobs;
  return pathname.startsWith(pages.exportJobs) && pathname !== pages.newExport ? pages.board : pathname;
}

/** Any host: only the rest of a path is used. */
const anyOrigin = 'http://page';
const graphqlPath = '/graphql';

/** The same path in a sandbox. Only paths of pages change. */
export function withSandbox(path: string, sandbox: string): string {
  const url = new URL(path, anyOrigin);
  if (sandbox === '' || url.origin !== anyOrigin || url.pathname === graphqlPath) return path;
  url.searchParams.set(parameter, sandbox);
  return `${url.pathname}${url.search}${url.hash}`;
}

/** Opens a page in the present sandbox. */
export function useOpen(): (path: string) => void {
  const navigate = useNavigate();
  const [params] = useSearchParams();
  const sandbox = sandboxOf(params);
  return useCallback((path) => void navigate(withSandbox(path, sandbox)), [navigate, sandbox]);
}
