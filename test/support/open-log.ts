import type { EventLog, LogEntry, LogSnapshot, LogStart } from '../../src/events/log.ts';

export interface OpenedLog<Entity> {
  readonly start: LogStart<Entity>;
  /** All later entries, until the signal aborts or the log is closed. */
  readonly entries: AsyncGenerator<LogEntry<Entity>, void, void>;
}

/** Opens a log as a reader that reads each entry as it arrives. */
export async function openLog<Entity>(
  log: EventLog<Entity>,
  { after, signal }: { readonly after?: string | undefined; readonly signal: AbortSignal },
): Promise<OpenedLog<Entity>> {
  let grown = () => {};
  const { start, tail } = await log.open({ after, onReadable: () => grown() });
  signal.addEventListener('abort', () => grown(), { once: true });
  async function* read(): AsyncGenerator<LogEntry<Entity>, void, void> {
    using _ = tail;
    while (!signal.aborted && !tail.ended) {
      const entry = tail.read();
      if (entry !== null) yield entry;
      else {
        await new Promise<void>((resolve) => {
          grown = resolve;
        });
      }
    }
  }
  return { start, entries: read() };
}

/**
 * The snapshot of a log that has been written.
 * @throws when the log does not exist
 */
export async function snapshotOf<Entity>(log: Pick<EventLog<Entity>, 'snapshot'>): Promise<LogSnapshot<Entity>> {
  const snapshot = await log.snapshot();
  if (snapshot === null) throw new Error('The log does not exist.');
  return snapshot;
}
