import type { Sandbox } from '../domain/sandbox.ts';
import { unreadable } from './errors.ts';
import type { SandboxesApi } from './platform-api.ts';
import { decodeContextOf, type PlatformClient } from './platform-client.ts';
import { decodeSandboxPage } from './wire/sandbox.ts';

const root = '/data/foundation/sandbox-management/';
/** The platform's own default. */
const pageSize = 50;
/** Pages that are read at most: 5,000 sandboxes, far more than a licence allows. */
const maxPages = 100;
/**
 * Pages in a sequence without a new sandbox that end the list, because the platform ignores the offset. One such page can
 * also be the effect of sandboxes that were added meanwhile.
 */
const maxPagesWithoutNew = 2;

/** The sandboxes of the caller. These calls name no sandbox. */
export function createSandboxesApi({ call, metrics }: PlatformClient): SandboxesApi {
  const context = decodeContextOf(metrics, 'Sandbox');
  return {
    available: async () => {
      const byName = new Map<string, Sandbox>();
      let pagesWithoutNew = 0;
      for (let page = 0; ; page += 1) {
        // Both or neither: one of them alone is refused. The link to the next page can be a template, so it is not used.
        const query = new URLSearchParams({ limit: String(pageSize), offset: String(page * pageSize) });
        const path = `${root}?${query}`;
        const request = { service: 'sandboxes', method: 'GET', path, effect: 'read', sandboxed: false } as const;
        const answer = await call(request);
        const decoded = decodeSandboxPage(answer.json, context);
        if (decoded === null) throw unreadable(request, answer, 'It holds no list of sandboxes.');
        const before = byName.size;
        for (const sandbox of decoded.sandboxes) byName.set(sandbox.name, sandbox);
        pagesWithoutNew = byName.size === before ? pagesWithoutNew + 1 : 0;
        if (decoded.rows < pageSize || pagesWithoutNew === maxPagesWithoutNew) return [...byName.values()];
        if (page + 1 === maxPages) throw unreadable(request, answer, `It has more than ${maxPages} pages.`);
      }
    },
  };
}
