import type { PlatformWrite, WriteAction, WrittenEntity } from '../upstream/types.ts';
import type { AuditLog } from './audit-log.ts';
import type { AuditCaller, AuditEntry } from './line.ts';
import { outcomeOfSent, outcomeOfUnsent } from './outcome.ts';

/** A mutation field that is executed. */
export interface AuditedMutation {
  /** Name of the field. */
  readonly operation: string;
  /** Kind of the changed entity. The field may change other entities before. */
  readonly entity: WrittenEntity;
  readonly action: WriteAction;
  /** Id that the caller named; null: none. */
  readonly id: string | null;
}

/**
 * The lines of one mutation field: one for each write, and one for the change that the field stands for if it was not
 * sent to the platform.
 */
export class MutationAudit {
  readonly #log: Pick<AuditLog, 'write'>;
  readonly #mutation: AuditedMutation;
  readonly #caller: () => AuditCaller;
  #key: string | null = null;
  /**
   * The last write for the mutation's own change, while its outcome is unknown. The mutation may read the platform's state
   * to determine it, so that the outcome of the mutation is also that of this write. Other writes are independent of it.
   */
  #open: AuditEntry | null = null;
  #isRecorded = false;

  /** @param caller returns the caller by the name that is known when a line is written */
  constructor(log: Pick<AuditLog, 'write'>, mutation: AuditedMutation, caller: () => AuditCaller) {
    this.#log = log;
    this.#mutation = mutation;
    this.#caller = caller;
  }

  /** A write has ended. */
  readonly wrote = (write: PlatformWrite): void => {
    this.#writeOpen();
    const entry = this.#entryOf(write);
    if (entry.outcome === 'unknown' && this.#isOwn(entry)) this.#open = entry;
    else this.#write(entry);
  };

  /** Runs a part of the mutation under an idempotency key. */
  async underKey<Result>(key: string, run: () => Promise<Result>): Promise<Result> {
    const outer = this.#key;
    this.#key = key;
    try {
      return await run();
    } finally {
      this.#key = outer;
    }
  }

  /** An earlier create with the same idempotency key has made an entity. */
  replayed(entity: WrittenEntity, id: string): void {
    this.#writeOpen();
    this.#write({ ...this.#unsent(), entity, action: 'create', id, outcome: 'replayed' });
  }

  /** The mutation has succeeded, so that its last write was carried out. */
  succeeded(): void {
    if (this.#open !== null) this.#open = { ...this.#open, outcome: 'done', evidence: 'state', code: null };
    this.#writeOpen();
  }

  failed(error: unknown): void {
    if (this.#open !== null) {
      // The platform's state may have shown that nothing was changed.
      const { outcome, code } = outcomeOfSent(error, this.#open.action);
      this.#open = { ...this.#open, outcome, code };
    }
    this.#writeOpen();
    if (this.#isRecorded) return;
    const { entity, action, id } = this.#mutation;
    this.#write({ ...this.#unsent(), entity, action, id, ...outcomeOfUnsent(error) });
  }

  #entryOf({ entity, action, id, end, status, requestId }: PlatformWrite): AuditEntry {
    const entry = { ...this.#unsent(), entity, action, id, status, platformRequestId: requestId };
    switch (end.kind) {
      case 'done':
        return { ...entry, outcome: 'done', evidence: end.evidence };
      case 'absent':
        return { ...entry, outcome: 'rejected', code: 'NOT_FOUND' };
      case 'failed':
        return { ...entry, ...outcomeOfSent(end.error, action) };
    }
  }

  /** The members that do not depend on a write. */
  #unsent() {
    const { operation } = this.#mutation;
    const nothing = { evidence: null, code: null, status: null, platformRequestId: null } as const;
    return { ...this.#caller(), operation, ...nothing, idempotencyKey: this.#key };
  }

  #writeOpen(): void {
    const entry = this.#open;
    this.#open = null;
    if (entry !== null) this.#write(entry);
  }

  #write(entry: AuditEntry): void {
    if (this.#isOwn(entry)) this.#isRecorded = true;
    this.#log.write(entry);
  }

  /** Whether a write is for the change that the mutation field stands for. */
  #isOwn({ entity, action }: Pick<AuditEntry, 'entity' | 'action'>): boolean {
    return entity === this.#mutation.entity && action === this.#mutation.action;
  }
}
