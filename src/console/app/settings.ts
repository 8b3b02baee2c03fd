/** Settings of the gateway that the page needs before a person signs in. */
export interface Settings {
  readonly authMode: 'embedded' | 'passthrough' | 'service';
  /** Whether `/graphql` serves GraphiQL. */
  readonly graphiql: boolean;
  /** Headers without a default of the gateway. */
  readonly required: readonly ('x-api-key' | 'x-gw-ims-org-id')[];
}

/** In front of a gateway that adds no settings, as the development server does. */
const defaults: Settings = { authMode: 'embedded', graphiql: true, required: [] };

/** Reads the settings that the gateway has added to the head of the page. */
export function readSettings(page: Document): Settings {
  const content = page.querySelector('meta[name="console-settings"]')?.getAttribute('content');
  // The gateway that serves this page has written it, from the same release.
  return content === null || content === undefined ? defaults : (JSON.parse(content) as Settings);
}
