import type { ExportJob } from '../../domain/export-job.ts';
import { platformId } from '../../domain/ids.ts';
import type { ExportJobCursor } from '../platform-api.ts';
import { readLink } from './link.ts';
import { asRecord } from './readers.ts';

/** The cursor in the platform's form, `{creationTime}_{id}`: the list goes on with what is older. */
export const encodeExportCursor = ({ createdAtMs, id }: ExportJobCursor): string => `${createdAtMs}_${id}`;

const offset = /^(\d{1,16})_(.+)$/s;

export function parseExportCursor(text: string): ExportJobCursor | null {
  const [, ms, id] = offset.exec(text) ?? [];
  if (ms === undefined || id === undefined) return null;
  const createdAtMs = Number(ms);
  return Number.isSafeInteger(createdAtMs) ? { createdAtMs, id: platformId(id) } : null;
}

/**
 * Where the list goes on, by `link.next`, which is absent, null or blank at the end. Of that link (a path relative to
 * the service, or a whole address) only the `offset` is taken. An offset that is no cursor gives way to the last job of
 * the page. `page.pageOffset` is not looked at: it has been seen to disagree.
 */
export function decodeNextCursor(page: unknown, jobs: readonly ExportJob[]): ExportJobCursor | null {
  const link = readLink(asRecord<'next'>(asRecord<'link'>(page)?.link)?.next);
  if (link === null) return null;
  const last = jobs.at(-1);
  return (
    parseExportCursor(link.query.get('offset') ?? '') ??
    (last === undefined ? null : { createdAtMs: last.createdAt.getTime(), id: last.id })
  );
}
