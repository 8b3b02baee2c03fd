import { ForbiddenError, UnauthenticatedError } from '../../errors.ts';
import type { PlatformRequest, UpstreamResponse } from '../http/call.ts';
import { errorFromEntry } from '../http/errors.ts';
import type { DecodedRows } from '../wire/rows.ts';

/** Number of errors without another row that show a failure of the list. Fewer ones can be bad records. */
const minErrors = 10;

/**
 * Checks a page of a list. Errors in place of some rows are omitted with these rows. If there are only errors, the list
 * itself has failed, for example because the caller may read none of its objects. A few rows of a longer list do not
 * show that: one bad record would otherwise fail the page that ends with it, or a page of one row. A first page of
 * rejections fails nevertheless, because it proves no right to read.
 * @param page.isFirst whether the page is the start of the list
 * @param page.limit requested number of rows
 * @throws the first error, if no row can be used
 */
export function throwOnlyErrors(
  request: PlatformRequest,
  response: UpstreamResponse,
  { error, rows }: Pick<DecodedRows<unknown>, 'error' | 'rows'>,
  { isFirst, limit }: { readonly isFirst: boolean; readonly limit: number },
): void {
  if (error === null) return;
  const failure = errorFromEntry(request, response, error, response.reading.observedAt);
  const isWholeList = isFirst && rows < limit;
  const isRejection = failure instanceof ForbiddenError || failure instanceof UnauthenticatedError;
  if (isWholeList || rows >= minErrors || (isFirst && isRejection)) throw failure;
}
