import type { AuditLog } from '../audit/audit-log.ts';
import { type AuditedMutation, MutationAudit } from '../audit/mutation-audit.ts';
import type { Session } from '../auth/authenticator.ts';
import type { AuthMode } from '../domain/auth-mode.ts';
import type { BatchFile } from '../domain/batch.ts';
import type { CreatedJob } from '../domain/created-job.ts';
import { type Tenant, tenantKey } from '../domain/tenant.ts';
import { ForbiddenError, GatewayError } from '../errors.ts';
import { createLoaders, type Loaders, type TenantReads } from '../loaders/index.ts';
import type { OperationRecord } from '../observation/operation-record.ts';
import type { Watches } from '../polling/watches.ts';
import type { RunStatistics } from '../runs/run-statistics.ts';
import type { Clock } from '../runtime/clock.ts';
import { abortSignalOf, type EndController, type EndSignal } from '../runtime/end-signal.ts';
import type { FairSlots } from '../runtime/fair-slots.ts';
import type { Logger } from '../runtime/logger.ts';
import type { TracePosition } from '../tracing/trace.ts';
import type { Caller } from '../upstream/caller.ts';
import type { PlatformApi, Upstream } from '../upstream/platform-api.ts';
import type { CountedCalls, ReportWrite } from '../upstream/types.ts';
import type { ContextCreate, GatewayContext } from './context.ts';
import type { ExportRequests } from './created-jobs/export-requests.ts';
import type { Requesters } from './created-jobs/requesters.ts';
import type { DownloadLinks } from './download-links.ts';
import { createFileContents, type FileContents } from './file-contents.ts';
import type { Create, IdempotencyOutcome, IdempotencyRecords } from './idempotency/idempotency.ts';
import type { SubscriptionQuota } from './subscription-quota.ts';

export interface ContextServices {
  readonly authMode: AuthMode;
  readonly upstream: Pick<Upstream, 'connect' | 'prove'>;
  /** Creates the counter of one operation, or of one event of a subscription. */
  readonly countCalls: () => CountedCalls;
  readonly watch: (caller: Caller) => Watches;
  readonly subscriptionQuota: Pick<SubscriptionQuota, 'open'>;
  readonly runs: RunStatistics;
  readonly clock: Clock;
  readonly idempotency: IdempotencyRecords;
  readonly audit: Pick<AuditLog, 'write' | 'assertWritable'>;
  readonly exportRequests: ExportRequests;
  readonly requesters: Requesters;
  readonly downloads: DownloadLinks;
  /** See createFileSlots. */
  readonly fileSlots: FairSlots;
  /**
   * Returns the URL at which a caller reaches the gateway, without a trailing slash.
   * @param host the header `Host` of the caller's request; null: it had none
   */
  readonly publicUrl: (host: string | null) => string;
  readonly logger: Logger;
  /** Aborts when the gateway stops the remaining work at its end. It bounds writes, which outlive their caller. */
  readonly lifetime: AbortSignal;
}

/** One operation of an authenticated caller. */
export interface OperationRequest {
  readonly session: Session;
  /** The header `Host` of the client's request; null: it had none. */
  readonly host: string | null;
  /** Aborts when the client leaves. */
  readonly signal: EndController | AbortSignal;
  /** Position of the client's request in its trace; null: it is not traced. */
  readonly trace: TracePosition | null;
  readonly record: OperationRecord;
}

/** Source of a context. An event has no record, because its caller has sent nothing. */
type ContextRequest = Omit<OperationRequest, 'record'> & { readonly record: OperationRecord | null };

export type CreateContext = (request: OperationRequest) => GatewayContext;

/** Creates the context of each operation, in the same way for every transport. */
export const contextFactory =
  (services: ContextServices): CreateContext =>
  (request) =>
    new OperationContext(services, request);

/** Each part is created when it is first read, because a small operation uses few of them. */
class OperationContext implements GatewayContext {
  readonly tenant: Tenant;
  readonly principal: string;
  readonly allowedSandboxes: readonly string[] | null;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  readonly canReadData: boolean;
  readonly expiresAt: Date | null;
  readonly #services: ContextServices;
  readonly #request: ContextRequest;
  /** The context of the subscription that an event belongs to; null: this context is not for an event. */
  readonly #operation: OperationContext | null;
  #calls: CountedCalls | undefined;
  #loaders: Loaders | undefined;
  #writes: GatewayContext['writes'] | undefined;
  /** The record of the mutation field that is executed; null: none is. */
  #mutation: MutationAudit | null = null;
  #watch: Watches | undefined;
  #downloads: GatewayContext['downloads'] | undefined;
  #contents: FileContents | undefined;

  /** @param operation the context of the subscription whose event this context is for; null: it is not for an event */
  constructor(services: ContextServices, request: ContextRequest, operation: OperationContext | null = null) {
    const { tenant, principal, allowedSandboxes, canRead, canWrite, canReadData, expiresAt } = request.session;
    this.tenant = tenant;
    this.principal = principal;
    this.allowedSandboxes = allowedSandboxes;
    this.canRead = canRead;
    this.canWrite = canWrite;
    this.canReadData = canReadData;
    this.expiresAt = expiresAt;
    this.#services = services;
    this.#request = request;
    this.#operation = operation;
  }

  get credentialFingerprint(): string {
    return this.#request.session.credential.fingerprint;
  }

  get authMode(): AuthMode {
    return this.#services.authMode;
  }

  get clock(): GatewayContext['clock'] {
    return this.#services.clock;
  }

  get logger(): Logger {
    return this.record?.logger ?? this.#services.logger;
  }

  get record(): OperationRecord | null {
    return this.#request.record;
  }

  get trace(): TracePosition | null {
    return this.#request.trace;
  }

  get signal(): AbortSignal {
    return abortSignalOf(this.#request.signal);
  }

  get publicUrl(): string {
    return this.#services.publicUrl(this.#request.host);
  }

  get loaders(): Loaders {
    if (this.#loaders === undefined) {
      const api = this.#connect(this.#request.signal);
      this.#loaders =
        this.#operation?.loaders.fresh(api) ?? createLoaders(api, readsOf(this.tenant, this.#services, true));
    }
    return this.#loaders;
  }

  async recordMutation<Result>(mutation: AuditedMutation, run: () => Result | Promise<Result>): Promise<Result> {
    const { tenant, record } = this;
    const { audit } = this.#services;
    if (record === null) throw new Error('An event executes no mutation.');
    if (this.#mutation !== null) throw new Error('The fields of a mutation are executed in sequence.');
    audit.assertWritable();
    const { requestId } = record;
    const { session } = this.#request;
    const changes = new MutationAudit(audit, mutation, () => {
      return { principal: session.loggedAs, platformUser: session.platformUser, tenant, requestId };
    });
    this.#mutation = changes;
    try {
      const result = await run();
      changes.succeeded();
      record.mutations.push(null);
      return result;
    } catch (error) {
      changes.failed(error);
      record.mutations.push(error instanceof GatewayError ? error.code : 'INTERNAL_SERVER_ERROR');
      throw error;
    } finally {
      this.#mutation = null;
      this.#writes = undefined;
    }
  }

  get writes(): GatewayContext['writes'] {
    this.#writes ??= this.#connect(this.#services.lifetime, this.#currentMutation.wrote);
    return this.#writes;
  }

  get watch(): Watches {
    this.#watch ??= this.#services.watch(this.#caller);
    return this.#watch;
  }

  get exportRequests(): GatewayContext['exportRequests'] {
    const { exportRequests } = this.#services;
    return {
      save: (id, request) => exportRequests.save(this.tenant, id, request, this.logger),
      find: (id) => exportRequests.find(this.tenant, id, this.logger),
    };
  }

  saveRequester(job: CreatedJob): Promise<void> {
    return this.#services.requesters.save(this.tenant, job, this.#request.session.loggedAs, this.logger);
  }

  countSubscription(): Disposable {
    const slot = this.#services.subscriptionQuota.open(this);
    return { [Symbol.dispose]: () => slot.end('completed') };
  }

  get downloads(): GatewayContext['downloads'] {
    if (this.#operation !== null) return this.#operation.downloads;
    this.#downloads ??= {
      linkTo: oncePer((file: BatchFile) => this.#services.downloads.linkTo(this.#caller, file, this.publicUrl)),
    };
    return this.#downloads;
  }

  get contents(): FileContents {
    this.#contents ??= createFileContents({
      files: (signal) => this.#connect(signal).files,
      owner: tenantKey(this.tenant),
      slots: this.#services.fileSlots,
      clock: this.#services.clock,
      signal: this.signal,
    });
    return this.#contents;
  }

  async assertReader(): Promise<void> {
    if (!this.canRead) throw new ForbiddenError({ message: 'The token does not allow reading.' });
    // In the other modes the platform does not receive a credential of the caller.
    if (this.authMode === 'passthrough') {
      const { signal, trace, record } = this.#request;
      await this.#services.upstream.prove(this.#caller, { signal, trace, requestId: record?.requestId });
    }
  }

  async idempotent({ entity, ...request }: ContextCreate, create: Create): Promise<IdempotencyOutcome> {
    const { tenant, signal } = this;
    const mutation = this.#currentMutation;
    return await mutation.underKey(request.key, async () => {
      const outcome = await this.#services.idempotency.run({ ...request, tenant, signal, logger: this.logger }, create);
      if (outcome.replayed) mutation.replayed(entity, outcome.id);
      return outcome;
    });
  }

  withTrace(trace: TracePosition): GatewayContext {
    return new OperationContext(this.#services, { ...this.#request, trace }, this.#operation);
  }

  forStart(): GatewayContext {
    return new OperationContext(this.#services, this.#request, this);
  }

  forEvent(signal: AbortSignal, trace: TracePosition | null): GatewayContext {
    return new OperationContext(this.#services, { ...this.#request, signal, trace, record: null }, this);
  }

  forTenant(): GatewayContext {
    return tenantContext(this.tenant, this.#services);
  }

  get #caller(): Caller {
    return this.#request.session;
  }

  /** @throws {Error} no mutation field is executed */
  get #currentMutation(): MutationAudit {
    if (this.#mutation === null) throw new Error('Only a mutation can write.');
    return this.#mutation;
  }

  /**
   * All calls of one operation share a counter, and have its request id.
   * @param reportWrite receives the writes of the connection; without it, the connection cannot write
   */
  #connect(signal: EndSignal, reportWrite?: ReportWrite): PlatformApi {
    const { record } = this;
    if (this.#calls === undefined) {
      this.#calls = this.#services.countCalls();
      if (record !== null) record.calls = this.#calls;
    }
    return this.#services.upstream.connect(this.#caller, {
      signal,
      calls: this.#calls,
      trace: this.trace,
      requestId: record?.requestId,
      reportWrite,
    });
  }
}

/** Memoizes a function by object, for as long as the object is in use. */
function oncePer<Subject extends object, Result>(make: (subject: Subject) => Result): (subject: Subject) => Result {
  const made = new WeakMap<Subject, Result>();
  return (subject) => {
    const known = made.get(subject);
    if (known !== undefined) return known;
    const result = make(subject);
    made.set(subject, result);
    return result;
  };
}

/** The reads of a tenant that no credential is needed for. */
const readsOf = (
  tenant: Tenant,
  { runs, requesters }: Pick<ContextServices, 'runs' | 'requesters'>,
  readsRuns: boolean,
): TenantReads => ({
  runs: runs.of(tenant),
  readsRuns,
  readRequesters: (jobs: readonly CreatedJob[]) => requesters.find(tenant, jobs),
});

/** Every subscriber of a tenant has proved that it may read, so the context can be independent of the caller. */
function tenantContext(
  tenant: Tenant,
  {
    authMode,
    clock,
    logger,
    lifetime,
    runs,
    requesters,
  }: Pick<ContextServices, 'authMode' | 'clock' | 'logger' | 'lifetime' | 'runs' | 'requesters'>,
): GatewayContext {
  return {
    tenant,
    authMode,
    clock,
    logger,
    signal: lifetime,
    trace: null,
    record: null,
    canRead: true,
    canWrite: false,
    canReadData: false,
    loaders: createLoaders(callerless<PlatformApi>(), readsOf(tenant, { runs, requesters }, false)),
    recordMutation: unmarked,
    writes: callerless<GatewayContext['writes']>(),
    watch: unmarked,
    countSubscription: unmarked,
    exportRequests: callerless<GatewayContext['exportRequests']>(),
    saveRequester: unmarked,
    downloads: callerless<GatewayContext['downloads']>(),
    contents: callerless<FileContents>(),
    assertReader: unmarked,
    idempotent: unmarked,
    withTrace: unmarked,
    forStart: unmarked,
    forEvent: unmarked,
    forTenant: unmarked,
    get principal() {
      return unmarked();
    },
    get credentialFingerprint() {
      return unmarked();
    },
    get allowedSandboxes() {
      return unmarked();
    },
    get expiresAt() {
      return unmarked();
    },
    get publicUrl() {
      return unmarked();
    },
  };
}

const unmarked = (): never => {
  throw new Error('A field that depends on the caller is not marked with `upstreamCalls` where it is defined.');
};
/** Stands in for an object of a caller. The cast is safe, because every use of a member throws. */
const callerless = <Used extends object>(): Used => new Proxy({} as Used, { get: unmarked });
