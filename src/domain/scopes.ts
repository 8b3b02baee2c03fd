/** Scopes in the tokens of callers. `data` permits the contents of files. */
export const scopeNames = { read: 'exports:read', write: 'exports:write', data: 'exports:data' } as const;
