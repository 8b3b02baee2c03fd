/** Methods by which the gateway authenticates callers. `AUTH_MODE` selects one by this name. */
export const authModes = ['embedded', 'passthrough', 'service'] as const;
export type AuthMode = (typeof authModes)[number];
