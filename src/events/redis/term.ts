/**
 * Defines a Lua function that reads the term of a feed. The leader election and the log need the same value, because
 * the log rejects writes of earlier terms. A text that no replica has written counts as no term: with a term that is
 * too large, every later one would be fenced, and the feed would stop for all replicas.
 */
export const termOfText = `
local function termOf(text)
  local term = tonumber(text or '0')
  return term and term >= 0 and term < ${2 ** 53} and term or 0
end
`;
