import type { ExportJob } from '../../domain/export-job.ts';
import { type ExportJobId, platformId } from '../../domain/ids.ts';
import { readLink } from './link.ts';
import { asRecord } from './readers.ts';

/** Creation time (epoch milliseconds) and id of a job. The list continues with older jobs. */
export interface ExportJobCursor {
  readonly createdAtMs: number;
  readonly id: ExportJobId;
}

/** The cursor in the platform's form, `{creationTime}_{id}`: the list continues with older jobs. */
export const encodeExportCursor = ({ createdAtMs, id }: ExportJobCursor): string => `${createdAtMs}_${id}`;

const offset = /^(-?\d{1,16})_(.+)$/s;

export function parseExportCursor(text: string): ExportJobCursor | null {
  const [, ms, id] = offset.exec(text) ?? [];
  if (ms === undefined || id === undefined) return null;
  const createdAtMs = Number(ms);
  return Number.isSafeInteger(createdAtMs) ? { createdAtMs, id: platformId(id) } : null;
}

/**
 * The cursor of the next page, from `link.next`, which is absent, null or blank on the last page. Only the `offset` of
 * this link is read. If it is no cursor, or the cursor of this page, the cursor of the last job of the page is used.
 * `page.pageOffset` is not read, because samples of it disagree with the link.
 * @param current the cursor of this page; undefined for the first one
 */
export function decodeNextCursor(
  page: unknown,
  jobs: readonly ExportJob[],
  current?: ExportJobCursor,
): ExportJobCursor | null {
  const link = readLink(asRecord<'next'>(asRecord<'link'>(page)?.link)?.next);
  if (link === null) return null;
  const last = jobs.at(-1);
  const candidates = [
    parseExportCursor(link.query.get('offset') ?? ''),
    last === undefined ? null : { createdAtMs: last.createdAt.getTime(), id: last.id },
  ];
  const isCurrent = ({ createdAtMs, id }: ExportJobCursor) => createdAtMs === current?.createdAtMs && id === current.id;
  return candidates.find((cursor) => cursor !== null && !isCurrent(cursor)) ?? null;
}
