export interface JobRow {
  readonly id: string;
  readonly status: string;
  readonly createdAt: string;
  readonly destination: { readonly dataset?: { readonly name?: string | null | undefined } | null | undefined };
}

/** A member of the union of results. */
export interface CreateResult {
  readonly __typename: string;
  readonly exportJob?: { readonly id: string; readonly status: string };
  readonly code?: string;
  readonly issues?: readonly { readonly path: string }[];
}

export interface JobEvent {
  readonly kind: string;
  readonly cursor: string;
  readonly job: { readonly status: string } | null | undefined;
}

export interface BatchFile {
  readonly sizeBytes: number | null | undefined;
  readonly downloadUrl: string | null | undefined;
}

/** What each client sends. */
export interface CaseClient {
  list(first: number, statuses: readonly 'SUCCEEDED'[]): Promise<readonly JobRow[]>;
  create(input: CreateInput): Promise<CreateResult>;
  /** Resolves at the end of the subscription. */
  watch(ids: readonly string[], take: (event: JobEvent) => void): Promise<void>;
  /** The first file of the job. */
  file(id: string): Promise<BatchFile>;
  close(): void | Promise<void>;
}

export interface CreateInput {
  readonly fields: readonly string[];
  readonly destination: { readonly target: { readonly newDataset: { readonly name: string } } };
}

/** The address and the credential of the gateway. */
export const url = process.env['GATEWAY_URL'] ?? 'http://127.0.0.1:4000/graphql';
export const headers = { authorization: `Bearer ${process.env['GATEWAY_TOKEN']}` };

const report = (name: string, result: unknown) => void process.stdout.write(`${name} ${JSON.stringify(result)}\n`);

export async function runCases(client: CaseClient): Promise<void> {
  const jobs = await client.list(3, ['SUCCEEDED']);
  report('query', {
    jobs: jobs.map(({ id, status, createdAt, destination }) => ({
      id,
      status,
      createdMs: Date.parse(createdAt),
      dataset: destination.dataset?.name,
    })),
  });

  const inputOf = (field: string) => ({
    fields: [field],
    destination: { target: { newDataset: { name: 'From a client' } } },
  });
  const rejected = await client.create(inputOf(''));
  const { exportJob } = await client.create(inputOf('person.name'));
  if (rejected.__typename !== 'InvalidInputError' || exportJob === undefined) throw new Error('Unexpected results.');
  const { id, status } = exportJob;
  const paths = rejected.issues?.map(({ path }) => path);
  report('mutation', { rejected: { code: rejected.code, paths }, created: { id, status } });

  await client.watch([id], ({ kind, cursor, job }) => report('event', { kind, cursor, status: job?.status ?? null }));
  process.stdout.write('end\n');

  const { sizeBytes, downloadUrl } = await client.file(id);
  const response = await fetch(downloadUrl ?? '', { headers: { range: 'bytes=0-3' } });
  report('download', {
    size: sizeBytes,
    status: response.status,
    range: response.headers.get('content-range'),
    content: await response.text(),
  });
  await client.close();
}
