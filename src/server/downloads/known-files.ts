import type { Download } from '../../context/download-links.ts';
import { tenantKey } from '../../domain/tenant.ts';
import type { Clock } from '../../runtime/clock.ts';
import { growingLru } from '../../runtime/lru.ts';
import type { KnownFile } from './file-body.ts';

/** Maximum number of kept files. The least recently used are discarded first. */
const maxFiles = 10_000;

/** Remembers type, length and version of files, each for the life of its link and for no other link. */
export interface KnownFiles {
  get(download: Download): KnownFile | null;
  set(download: Download, file: KnownFile): void;
  forget(download: Download): void;
}

export function createKnownFiles({ clock }: { readonly clock: Pick<Clock, 'now'> }): KnownFiles {
  const known = growingLru<{ readonly file: KnownFile; readonly expiresAt: Date }>(maxFiles);
  return {
    get: (download) => {
      const key = keyOf(download);
      const found = known.get(key);
      if (found === undefined) return null;
      if (found.expiresAt > clock.now()) return found.file;
      known.delete(key);
      return null;
    },
    set: (download, file) => void known.set(keyOf(download), { file, expiresAt: download.expiresAt }),
    forget: (download) => void known.delete(keyOf(download)),
  };
}

const keyOf = ({ caller, id }: Download): string => JSON.stringify([tenantKey(caller.tenant), id]);
