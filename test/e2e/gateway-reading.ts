import { expect } from 'vitest';
import type { Gateway } from '../support/gateway.ts';
import {
  ReadAllBatchesDocument,
  ReadBatchesDocument,
  ReadDatasetsDocument,
  ReadExportJobsDocument,
  ReadMergePoliciesDocument,
  ReadSchedulesDocument,
  ReadSegmentDefinitionsDocument,
  ReadSegmentJobsDocument,
  type WholePageFragment,
} from './operations.generated.ts';

export interface Page<Node> {
  readonly edges: readonly { readonly cursor: string }[];
  readonly nodes: readonly Node[];
  readonly pageInfo: WholePageFragment;
}

/** Maximum number of pages of a walk. It is more than any list here has, so that an endless walk fails. */
const maxPages = 200;

/** Reads a connection to its end, like a scrolling application, and checks the page information of each page. */
export async function everyPage<Node>(
  read: (after: string | null) => Promise<Page<Node> | null | undefined>,
): Promise<readonly Page<Node>[]> {
  const pages: Page<Node>[] = [];
  for (let after: string | null = null; pages.length < maxPages; ) {
    const page: Page<Node> | null | undefined = await read(after);
    if (page === null || page === undefined) throw new Error('There is no such connection.');
    const { edges, nodes, pageInfo } = page;
    pages.push(page);
    expect(edges).toHaveLength(nodes.length);
    expect(pageInfo).toMatchObject({ hasPreviousPage: after !== null, startCursor: edges[0]?.cursor ?? null });
    if (!pageInfo.hasNextPage) return pages;
    expect(pageInfo.endCursor).not.toBeNull();
    after = pageInfo.endCursor;
  }
  throw new Error(`The connection does not end after ${maxPages} pages.`);
}

export async function everyNode<Node>(
  read: (after: string | null) => Promise<Page<Node> | null | undefined>,
): Promise<readonly Node[]> {
  return (await everyPage(read)).flatMap(({ nodes }) => nodes);
}

/**
 * Reads a sandbox through the gateway: every list with every field.
 * @param first rows on a page
 */
export async function readGateway(gateway: Pick<Gateway, 'query'>, first: number) {
  const { query } = gateway;
  const datasets = await everyNode(async (after) => (await query(ReadDatasetsDocument, { first, after })).page);
  const batches = await Promise.all(
    datasets.map(({ platformId: dataset }) =>
      everyNode(async (after) => (await query(ReadBatchesDocument, { dataset, first, after })).dataset?.page),
    ),
  );
  return {
    exportJobs: await everyNode(async (after) => (await query(ReadExportJobsDocument, { first, after })).page),
    datasets,
    /** Rows of each dataset, in the order of the datasets. */
    batches,
    allBatches: await everyNode(async (after) => (await query(ReadAllBatchesDocument, { first, after })).page),
    schedules: await everyNode(async (after) => (await query(ReadSchedulesDocument, { first, after })).page),
    segmentJobs: await everyNode(async (after) => (await query(ReadSegmentJobsDocument, { first, after })).page),
    segmentDefinitions: await everyNode(
      async (after) => (await query(ReadSegmentDefinitionsDocument, { first, after })).page,
    ),
    mergePolicies: await everyNode(async (after) => (await query(ReadMergePoliciesDocument, { first, after })).page),
  };
}
