import type { Batch, BatchStatus } from '../../../../src/domain/batch.ts';
import type { Dataset } from '../../../../src/domain/dataset.ts';
import { platformId } from '../../../../src/domain/ids.ts';
import { type GatewayError, PlatformError } from '../../../../src/errors.ts';
import type { CatalogReader } from '../../../../src/polling/sources/catalog.ts';
import { inChunks } from '../../../../src/runtime/in-chunks.ts';
import { readInBulk } from '../../../../src/upstream/apis/bulk-read.ts';
import { type CatalogPage, catalogPage, UnusableRow } from '../../../../src/upstream/apis/catalog-page.ts';

export const dataset = (id: string, createdAtMs: number | null, name = id): Dataset => ({
  id: platformId(id),
  name,
  description: null,
  schemaRef: null,
  fileFormat: 'parquet',
  version: '1.0.0',
  state: null,
  tags: [],
  recordCount: null,
  sizeBytes: null,
  measuredAt: null,
  lastBatchId: null,
  lastSuccessfulBatchId: null,
  createdBy: null,
  createdAt: createdAtMs === null ? null : new Date(createdAtMs),
  updatedAt: null,
});

export const batch = (id: string, createdAtMs: number, status: BatchStatus = 'LOADING', endMs?: number): Batch => ({
  id: platformId(id),
  status,
  rawStatus: status.toLowerCase(),
  datasetId: null,
  recordCount: null,
  failedRecordCount: null,
  sizeBytes: null,
  errors: [],
  predecessorIds: [],
  successorId: null,
  startedAt: null,
  completedAt: endMs === undefined ? null : new Date(endMs),
  createdAt: new Date(createdAtMs),
  updatedAt: null,
});

interface CatalogEntity {
  readonly id: string;
  readonly createdAt: Date | null;
  readonly updatedAt: Date | null;
}

/** Objects of Catalog in memory, listed newest first. Calls are recorded. */
export class FakeCatalog<Entity extends CatalogEntity> {
  readonly stored = new Map<string, Entity>();
  /** Objects that the list omits. */
  readonly unlisted = new Set<string>();
  /** Objects in whose place the list contains an unusable row. */
  readonly spoiled = new Set<string>();
  /** Objects because of which a read of them fails. */
  readonly broken = new Set<string>();
  /** Errors that Catalog returns instead of objects. */
  readonly unreadable = new Map<string, GatewayError>();
  readonly calls: string[] = [];
  /** Called with each call of a list before it is answered. */
  beforeList: (call: string) => void = () => undefined;
  /** Thrown by every read by id. */
  failure: GatewayError | null = null;
  readonly #isRunning: ((entity: Entity) => boolean) | null;

  /** @param isRunning whether a search by status finds the object. Null: the objects have no status. */
  constructor(entities: readonly Entity[], isRunning: ((entity: Entity) => boolean) | null = null) {
    for (const entity of entities) this.put(entity);
    this.#isRunning = isRunning;
  }

  put(entity: Entity): void {
    this.stored.set(entity.id, entity);
  }

  get reader(): CatalogReader<Entity> {
    const isRunning = this.#isRunning;
    return {
      proof: null,
      objects: () => ({
        list: async (page) => this.#page('list', page, () => true),
        ...(isRunning === null ? {} : { listRunning: async (page) => this.#page('running', page, isRunning) }),
        getMany: (ids, limits) =>
          readInBulk<string, Entity>(
            inChunks(ids, 100),
            async (each, collector) => {
              this.calls.push(`get ${each.length > 3 ? each.length : each.toSorted().join(' ')}`);
              if (this.failure !== null) throw this.failure;
              if (each.some((id) => this.broken.has(id))) throw new PlatformError({ message: 'broken', status: 500 });
              for (const id of each) {
                const error = this.unreadable.get(id);
                const entity = this.stored.get(id);
                if (error !== undefined) collector.fail(id, error);
                else if (entity !== undefined) collector.found.push(entity);
              }
            },
            limits,
          ),
      }),
    };
  }

  #page(
    call: string,
    { start, limit }: { readonly start: number; readonly limit: number },
    matches: (entity: Entity) => boolean,
  ): CatalogPage<Entity> {
    const name = start === 0 ? call : `${call} ${start}`;
    this.calls.push(name);
    this.beforeList(name);
    const objects = [...this.stored.values()]
      .filter((entity) => !this.unlisted.has(entity.id) && matches(entity))
      .toSorted((a, b) => (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0))
      .slice(start, start + limit);
    return catalogPage<Entity>(objects.map((one) => (this.spoiled.has(one.id) ? new UnusableRow(one.id) : one)));
  }
}
