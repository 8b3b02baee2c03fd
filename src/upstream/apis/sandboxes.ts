import type { Sandbox } from '../../domain/sandbox.ts';
import { unreadableResponse } from '../http/errors.ts';
import { decodeSandboxPage } from '../wire/sandbox.ts';
import { decodeContextOf, type PlatformClient } from './client.ts';
import { throwOnlyErrors } from './list-rows.ts';

export interface SandboxesApi {
  /** The sandboxes that the caller may use, all pages. */
  available(): Promise<readonly Sandbox[]>;
}

const root = '/data/foundation/sandbox-management/';
/** Page size. It is the platform's default. */
const pageSize = 50;
/** Maximum number of pages: 5,000 sandboxes, far more than a licence allows. */
const maxPages = 100;
/**
 * Number of consecutive pages without a new sandbox that end the list, because the platform then ignores the offset. A
 * single such page can also result from sandboxes that were added in the meantime.
 */
const maxPagesWithoutNew = 2;

/** The sandboxes of the caller. These calls name no sandbox. */
export function createSandboxesApi(client: PlatformClient): SandboxesApi {
  const context = decodeContextOf(client.metrics, 'Sandbox');
  return {
    available: async () => {
      const byName = new Map<string, Sandbox>();
      let pagesWithoutNew = 0;
      for (let page = 0; ; page += 1) {
        // The platform rejects one of the two parameters alone. The link to the next page is not used, because it can
        // be a template.
        const query = new URLSearchParams({ limit: String(pageSize), offset: String(page * pageSize) });
        const path = `${root}?${query}`;
        const request = { service: 'sandboxes', method: 'GET', path, effect: 'read', sandboxed: false } as const;
        const response = await client.call(request);
        const decoded = decodeSandboxPage(response.json, context);
        if (decoded === null) throw unreadableResponse(request, response, 'It contains no list of sandboxes.');
        throwOnlyErrors(request, response, decoded, { isFirst: page === 0, limit: pageSize });
        const before = byName.size;
        for (const sandbox of decoded.entities) byName.set(sandbox.name, sandbox);
        pagesWithoutNew = byName.size === before ? pagesWithoutNew + 1 : 0;
        if (decoded.rows < pageSize || pagesWithoutNew === maxPagesWithoutNew) return [...byName.values()];
        if (page + 1 === maxPages) throw unreadableResponse(request, response, `It has more than ${maxPages} pages.`);
      }
    },
  };
}
