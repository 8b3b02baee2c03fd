import {
  BoardDocument,
  ExportJobDocument,
  ListDatasetsDocument,
  ListExportJobsDocument,
  NodesDocument,
  ReadSchedulesDocument,
  ReadSegmentJobsDocument,
} from '../e2e/operations.generated.ts';
import type { Gateway } from '../support/gateway.ts';
import type { Journal } from './journal.ts';
import type { QueryStep } from './scenario.ts';

export interface QuerierContext {
  readonly gateway: Gateway;
  readonly journal: Journal;
  /** Name for messages, such as `querier 3`. */
  readonly name: string;
  /** Id of an export job that existed before the run. */
  readonly anyJob: string;
}

/** Runs read steps one after the other. Only facts that concurrent changes cannot affect are checked. */
export async function runQuerier(context: QuerierContext, steps: readonly QueryStep[]): Promise<void> {
  const { gateway, journal, name } = context;
  for (const step of steps) {
    const where = `${name}, ${step.kind}`;
    switch (step.kind) {
      case 'board':
        await journal.ask(gateway, where, BoardDocument, { first: step.first });
        break;
      case 'segment-jobs':
        await journal.ask(gateway, where, ReadSegmentJobsDocument, { first: step.first });
        break;
      case 'schedules':
        await journal.ask(gateway, where, ReadSchedulesDocument, { first: step.first });
        break;
      case 'datasets':
        await journal.ask(gateway, where, ListDatasetsDocument, { first: step.first });
        break;
      case 'pages':
        await readPages(context, where, step);
        break;
      case 'nodes':
        await readNodes(
          context,
          where,
          step.picks.map((pick) => pickJob(context, pick)),
        );
        break;
      case 'job':
        await journal.ask(gateway, where, ExportJobDocument, { id: pickJob(context, step.pick) });
        break;
    }
  }
}

/** Checks that pages neither lose nor repeat a row while new rows arrive: ids only decrease, and each occurs once. */
async function readPages(
  { gateway, journal }: QuerierContext,
  where: string,
  { first, pages }: Extract<QueryStep, { kind: 'pages' }>,
): Promise<void> {
  const seen = new Set<string>();
  let after: string | null = null;
  for (let page = 0; page < pages; page += 1) {
    const variables: { first: number; after: string | null } = { first, after };
    const { data } = await journal.ask(gateway, where, ListExportJobsDocument, variables);
    if (data === null) return;
    const { edges, pageInfo } = data.exportJobs;
    for (const { node } of edges) {
      if (seen.has(node.id)) journal.violations.push({ rule: 'no row occurs twice', where, detail: node.id });
      seen.add(node.id);
    }
    if (!pageInfo.hasNextPage) return;
    after = pageInfo.endCursor;
  }
}

async function readNodes({ gateway, journal }: QuerierContext, where: string, ids: string[]): Promise<void> {
  const { data } = await journal.ask(gateway, where, NodesDocument, { ids });
  const wrong = (data?.nodes ?? []).filter((node, index) => node !== null && node.id !== ids[index]);
  if (wrong.length === 0) return;
  journal.violations.push({ rule: 'nodes are in the order of their ids', where, detail: ids.join() });
}

function pickJob({ journal, anyJob }: QuerierContext, pick: number): string {
  const jobs = [anyJob, ...journal.created('exportJobs')];
  return jobs[pick % jobs.length] ?? anyJob;
}
