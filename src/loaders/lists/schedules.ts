import type { Schedule } from '../../domain/schedule.ts';
import type { SchedulesApi } from '../../upstream/apis/schedules.ts';
import { decodeRowKey, encodeRowKey, type RowKey } from '../pagination/after-row.ts';
import type { Connection, PageOptions } from '../pagination/connection.ts';
import { badCursor, decodeCursor, encodeCursor } from '../pagination/cursor.ts';

/**
 * Schedules, newest first. All schedules are read at once, because there are few.
 * @throws {InvalidInputError} `after` is not a cursor of this connection
 */
export async function readSchedules(
  api: Pick<SchedulesApi, 'list'>,
  { first, after }: PageOptions,
): Promise<Connection<Schedule>> {
  const list = 'schedules';
  const keyOf = ({ createdAt, id }: Schedule): RowKey<string> => ({ createdAtMs: createdAt?.getTime() ?? 0, id });
  const compare = (a: RowKey<string>, b: RowKey<string>): number =>
    b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  const last = after === null ? null : decodeRowKey(decodeCursor(list, after));
  if (after !== null && last === null) throw badCursor();

  const all = await api.list();
  const rows = all
    .map((node) => ({ node, key: keyOf(node) }))
    .sort((a, b) => compare(a.key, b.key))
    .filter(({ key }) => last === null || compare(last, key) < 0);
  const edges = rows.slice(0, first).map(({ node, key }) => ({ node, cursor: encodeCursor(list, encodeRowKey(key)) }));
  return {
    edges,
    totalCount: all.length,
    nodes: edges.map(({ node }) => node),
    pageInfo: {
      hasNextPage: rows.length > first,
      hasPreviousPage: after !== null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}
