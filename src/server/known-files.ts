import type { Download } from '../context/download-links.ts';
import { tenantKey } from '../domain/tenant.ts';
import type { Clock } from '../runtime/clock.ts';
import type { KnownFile } from './file-body.ts';

/** Bound of the memory; the file that was not used for the longest time leaves it first. */
const maxFiles = 10_000;

/** Remembers type, length and version of files, each for the life of its link and for no other link. */
export interface KnownFiles {
  get(download: Download): KnownFile | null;
  set(download: Download, file: KnownFile): void;
  forget(download: Download): void;
}

export function createKnownFiles({ clock }: { readonly clock: Pick<Clock, 'now'> }): KnownFiles {
  /** In the order of their last use. */
  const known = new Map<string, { readonly file: KnownFile; readonly expiresAt: Date }>();
  return {
    get: (download) => {
      const key = keyOf(download);
      const found = known.get(key);
      if (found === undefined) return null;
      known.delete(key);
      if (found.expiresAt <= clock.now()) return null;
      known.set(key, found);
      return found.file;
    },
    set: (download, file) => {
      const key = keyOf(download);
      known.delete(key);
      known.set(key, { file, expiresAt: download.expiresAt });
      const [oldest] = known.size > maxFiles ? known.keys() : [];
      if (oldest !== undefined) known.delete(oldest);
    },
    forget: (download) => void known.delete(keyOf(download)),
  };
}

const keyOf = ({ caller, id }: Download): string => JSON.stringify([tenantKey(caller.tenant), id]);
