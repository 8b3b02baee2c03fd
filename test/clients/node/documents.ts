import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { parse } from 'graphql';
import type { BatchFile, CaseClient, CreateInput, CreateResult, JobEvent, JobRow } from './cases.ts';

// Written by hand, because these programs test clients and not their generators. `examples/codegen` generates them.
interface ListJobs {
  readonly exportJobs: { readonly nodes: readonly JobRow[] } | null;
}
export const listJobs: TypedDocumentNode<ListJobs, { first: number; statuses: readonly 'SUCCEEDED'[] }> = parse(`
  query ListJobs($first: Int!, $statuses: [ExportJobStatus!]) {
    exportJobs(first: $first, filter: { statuses: $statuses }) {
      nodes { id status createdAt destination { dataset { name } } }
    }
  }
`);

interface CreateExport {
  readonly createExportJob: CreateResult | null;
}
export const createExport: TypedDocumentNode<CreateExport, { input: CreateInput }> = parse(`
  mutation CreateExport($input: CreateExportJobInput!) {
    createExportJob(input: $input) {
      __typename
      ... on CreateExportJobPayload { exportJob { id status } }
      ... on InvalidInputError { issues { path message } }
      ... on Error { code message }
    }
  }
`);

interface WatchExport {
  readonly exportJobChanged: JobEvent;
}
export interface WatchVariables extends Record<string, unknown> {
  ids: readonly string[];
  after: string | null;
}
export const watchExport: TypedDocumentNode<WatchExport, WatchVariables> = parse(`
  subscription WatchExport($ids: [ID!], $after: String) {
    exportJobChanged(ids: $ids, after: $after) {
      kind
      cursor
      job { status destination { batches { batch { status } } } }
    }
  }
`);

interface ReadFiles {
  readonly exportJob: {
    readonly destination: {
      readonly batches: readonly { readonly batch: { readonly files: { readonly nodes: readonly BatchFile[] } } }[];
    };
  } | null;
}
const readFiles: TypedDocumentNode<ReadFiles, { id: string }> = parse(`
  query ReadFiles($id: ID!) {
    exportJob(id: $id) { destination { batches { batch { files(first: 1) { nodes { sizeBytes downloadUrl } } } } } }
  }
`);

/** @throws when there are errors */
export type Send = <Data, Variables extends Record<string, unknown>>(
  kind: 'query' | 'mutation',
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
) => Promise<Data>;

const given = <T>(value: T | null | undefined): T => {
  if (value === null || value === undefined) throw new Error('A field is null.');
  return value;
};

/** The requests of the cases, for clients that send a document as it is. */
export const requests = (send: Send): Pick<CaseClient, 'list' | 'create' | 'file'> => ({
  list: async (first, statuses) => given((await send('query', listJobs, { first, statuses })).exportJobs).nodes,
  create: async (input) => given((await send('mutation', createExport, { input })).createExportJob),
  file: async (id) => {
    const { destination } = given((await send('query', readFiles, { id })).exportJob);
    return given(destination.batches[0]?.batch.files.nodes[0]);
  },
});
