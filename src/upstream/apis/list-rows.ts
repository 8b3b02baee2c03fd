import type { PlatformRequest, UpstreamResponse } from '../http/call.ts';
import { errorFromEntry } from '../http/errors.ts';
import type { DecodedRows } from '../wire/rows.ts';

/**
 * Checks a page of a list. Errors in place of some rows are omitted with these rows. If there are only errors, the list
 * itself has failed, for example because the caller may read none of its objects.
 * @throws the first error, if no row can be used
 */
export function throwOnlyErrors(
  request: PlatformRequest,
  response: UpstreamResponse,
  { error }: Pick<DecodedRows<unknown>, 'error'>,
): void {
  if (error !== null) throw errorFromEntry(request, response, error, response.reading.observedAt);
}
