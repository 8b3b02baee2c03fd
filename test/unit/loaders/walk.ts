import type { Connection } from '../../../src/loaders/pagination/connection.ts';

export interface Walk<Node> {
  readonly pages: readonly Connection<Node>[];
  readonly ids: readonly string[];
}

/** Maximum number of pages of a walk, so that an endless walk fails. */
const maxPages = 500;

/** Reads a connection to its end like a client, page by page. `between` runs after each page except the last. */
export async function walk<Node>(
  read: (after: string | null, page: number) => Promise<Connection<Node>>,
  idOf: (node: Node) => string,
  between: (page: number) => void = () => {},
): Promise<Walk<Node>> {
  const pages: Connection<Node>[] = [];
  let after: string | null = null;
  while (pages.length < maxPages) {
    const page = await read(after, pages.length);
    pages.push(page);
    if (!page.pageInfo.hasNextPage) {
      return { pages, ids: pages.flatMap(({ nodes }) => nodes.map(idOf)) };
    }
    after = page.pageInfo.endCursor;
    if (after === null) throw new Error('A page has a next page, but does not say where it begins.');
    between(pages.length - 1);
  }
  throw new Error(`The connection does not end within ${maxPages} pages.`);
}

export const repeated = (ids: readonly string[]): readonly string[] =>
  ids.filter((id, index) => ids.indexOf(id) !== index);
