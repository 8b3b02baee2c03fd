import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { parse } from 'graphql';
import { CreateExportJobDocument, ExportJobsDocument } from '../e2e/operations.generated.ts';
import type { Gateway, Headers } from '../support/gateway.ts';

/** Results as the programs write them, read by the reference clients of the tests. */
interface JobRow {
  readonly id: string;
  readonly status: string;
  readonly createdMs: number;
  readonly dataset: string | null;
}

/** The rows of the query: the first three jobs that have succeeded. */
export async function expectedJobs(gateway: Gateway, headers: Headers): Promise<readonly JobRow[]> {
  const variables = { first: 3, filter: { statuses: ['SUCCEEDED' as const] } };
  const { exportJobs } = await gateway.query(ExportJobsDocument, variables, headers);
  return exportJobs.nodes.map(({ id, status, createdAt, destination }) => ({
    id,
    status,
    createdMs: Date.parse(createdAt),
    dataset: destination.dataset?.name ?? null,
  }));
}

/** The result of a mutation that names an empty field. */
export async function expectedRejection(gateway: Gateway, headers: Headers): Promise<unknown> {
  const input = { fields: [''], destination: { target: { newDataset: { name: 'From a client' } } } };
  const { createExportJob } = await gateway.query(CreateExportJobDocument, { input }, headers);
  if (createExportJob.__typename !== 'InvalidInputError') throw new Error('An empty field was accepted.');
  return { code: createExportJob.code, paths: createExportJob.issues.map(({ path }) => path) };
}

/** An event as the programs write it. */
export interface WatchEvent {
  readonly kind: string;
  readonly cursor: string;
  readonly status: string | null;
}

const watch: TypedDocumentNode<
  {
    readonly exportJobChanged: {
      readonly kind: string;
      readonly cursor: string;
      readonly job: { readonly status: string } | null;
    };
  },
  { readonly ids: readonly string[] }
> = parse(`subscription ($ids: [ID!]) {
  exportJobChanged(ids: $ids) { kind cursor job { status destination { batches { batch { status } } } } }
}`);

/** The events of a job, over a connection that never breaks. */
export function watchJob(gateway: Gateway, id: string, headers: Headers) {
  const stream = gateway.subscribe(watch, { ids: [id] }, { headers });
  return {
    next: async (): Promise<WatchEvent | null> => {
      const data = await stream.take();
      if (data === null) return null;
      const { kind, cursor, job } = data.exportJobChanged;
      return { kind, cursor, status: job?.status ?? null };
    },
    [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
  };
}

const readFile: TypedDocumentNode<
  {
    readonly exportJob: {
      readonly destination: {
        readonly batches: readonly {
          readonly batch: { readonly files: { readonly nodes: readonly { readonly sizeBytes: number }[] } };
        }[];
      };
    };
  },
  { readonly id: string }
> = parse(`query ($id: ID!) {
  exportJob(id: $id) { destination { batches { batch { files(first: 1) { nodes { sizeBytes } } } } } }
}`);

/** The response to a request for the first four bytes of the file that the job has written. */
export async function expectedDownload(gateway: Gateway, id: string, headers: Headers): Promise<unknown> {
  const { exportJob } = await gateway.query(readFile, { id }, headers);
  const [file] = exportJob.destination.batches.flatMap(({ batch }) => batch.files.nodes);
  // Parquet files begin with these characters.
  return { size: file?.sizeBytes, status: 206, range: `bytes 0-3/${file?.sizeBytes}`, content: 'PAR1' };
}
