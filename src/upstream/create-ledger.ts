import { createHash } from 'node:crypto';
import type { Clock } from '../runtime/clock.ts';

/**
 * How long a create is remembered, in milliseconds: longer than any call takes whose answer may be lost, with the look
 * for its result.
 */
const rememberMs = 300_000;

/**
 * What this process has created lately, so that the result of one create is never taken for that of another. Kept in
 * memory; other processes have their own.
 */
export interface CreateLedger {
  /**
   * Notes that a create is going to be sent.
   * @param options.group creates whose results could be taken for each other; begins with the tenant
   * @param options.body what is sent
   */
  begin(options: { readonly group: string; readonly body: string }): CreateAttempt;
}

/** One create. It ends by `answered`, `refused` or `lost`; a lost one may then claim what was found. */
export interface CreateAttempt {
  readonly startedAt: Date;
  /** The platform said that this is what it has created: nobody else can claim it any more. */
  answered(id: string): void;
  /** It has surely created nothing. */
  refused(): void;
  /** Nobody knows whether it has created something. */
  lost(): void;
  /** Whether something is known to be the result of another create. */
  isTaken(id: string): boolean;
  /**
   * Takes what was found for the result of this lost create. False when that cannot be told: it is taken, or another
   * create is on its way or was lost, whose result it might be as well.
   * @param proven nothing else can have created it
   */
  claim(id: string, proven: boolean): boolean;
}

interface Entry {
  readonly digest: string;
  state: 'on-its-way' | 'lost' | 'created';
  id: string | null;
  /** When the state was reached. */
  atMs: number;
}

interface Group {
  readonly entries: Set<Entry>;
  usedAtMs: number;
}

export function createLedger(clock: Clock): CreateLedger {
  /** In the order in which they were used last. */
  const groups = new Map<string, Group>();
  const nowMs = () => clock.now().getTime();

  const forgetOld = (): void => {
    const oldestMs = nowMs() - rememberMs;
    for (const [key, { entries, usedAtMs }] of groups) {
      if (usedAtMs > oldestMs) return;
      forgetOldOf(entries, oldestMs);
      if (entries.size === 0) groups.delete(key);
    }
  };

  const entriesOf = (key: string): Set<Entry> => {
    const entries = groups.get(key)?.entries ?? new Set<Entry>();
    forgetOldOf(entries, nowMs() - rememberMs);
    groups.delete(key);
    groups.set(key, { entries, usedAtMs: nowMs() });
    return entries;
  };

  return {
    begin: ({ group, body }) => {
      forgetOld();
      const entries = entriesOf(group);
      const digest = createHash('sha256').update(body).digest('base64');
      const entry: Entry = { digest, state: 'on-its-way', id: null, atMs: nowMs() };
      entries.add(entry);

      const become = (state: Entry['state'], id: string | null) => {
        entry.state = state;
        entry.id = id;
        entry.atMs = nowMs();
      };
      const others = () => [...entries].filter((other) => other !== entry);
      const isTaken = (id: string) => others().some((other) => other.id === id);
      // One of the same body that was lost as well may have created it, but then it is what this one would have created.
      const isOpen = (other: Entry) =>
        other.state === 'on-its-way' || (other.state === 'lost' && other.digest !== digest);

      return {
        startedAt: clock.now(),
        answered: (id) => become('created', id),
        refused: () => void entries.delete(entry),
        lost: () => become('lost', null),
        isTaken,
        claim: (id, proven) => {
          if (isTaken(id) || (!proven && others().some(isOpen))) return false;
          become('created', id);
          return true;
        },
      };
    },
  };
}

/** They are in the order in which they began, so nearly all that are old come first. */
function forgetOldOf(entries: Set<Entry>, oldestMs: number): void {
  for (const entry of entries) {
    if (entry.state === 'on-its-way') continue;
    if (entry.atMs > oldestMs) return;
    entries.delete(entry);
  }
}
