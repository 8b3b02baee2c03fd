import { containsText } from '../../domain/contains-text.ts';
import type { SegmentDefinition, SegmentDefinitionFilter } from '../../domain/segment-definition.ts';
import type { SegmentDefinitionOrder, SegmentDefinitionsApi } from '../../upstream/apis/segment-definitions.ts';
import { listAfterNumberedPage } from '../pagination/after-page.ts';
import { type Connection, type PageOptions, readConnection } from '../pagination/connection.ts';

export interface SegmentDefinitionConnectionOptions extends PageOptions {
  readonly filter: SegmentDefinitionFilter | null;
  readonly orderBy: SegmentDefinitionOrder | null;
}

/**
 * Segment definitions, newest first by default.
 * @throws {InvalidInputError} `after` is not a cursor of this connection in this order
 */
export function readSegmentDefinitions(
  api: Pick<SegmentDefinitionsApi, 'list'>,
  { first, after, filter, orderBy }: SegmentDefinitionConnectionOptions,
): Promise<Connection<SegmentDefinition>> {
  const { field, direction } = orderBy ?? ({ field: 'creationTime', direction: 'desc' } as const);
  const keyOf = ({ createdAt, updatedAt }: SegmentDefinition) => (field === 'creationTime' ? createdAt : updatedAt);
  const list = listAfterNumberedPage<SegmentDefinition>({
    name: `segmentDefinitions:${field}:${direction}`,
    idOf: ({ id }) => id,
    // Names cannot be compared, because the collation of the platform is not known.
    order: field === 'name' ? undefined : { direction, keyOf },
    readRows: async ({ start, limit }) => {
      const { definitions, next, total } = await api.list({ page: start, limit, orderBy: { field, direction } });
      return { rows: definitions, next, total };
    },
  });
  const part = filter?.nameContains;
  const matches = part === undefined ? undefined : ({ name }: SegmentDefinition) => containsText(name, part);
  return readConnection(list, { first, after, matches });
}
