import { PlatformError } from '../errors.ts';

/** Error for a request that Catalog cannot understand. */
export function badRequest(detail: string): PlatformError {
  return new PlatformError(400, 'BadRequestError', detail);
}

/** @param kind Catalog's name for the object: `DataSet`, `DataSetView`, `Batch` */
export function notFound(kind: 'DataSet' | 'DataSetView' | 'Batch'): PlatformError {
  return new PlatformError(404, 'NotFoundError', `${kind} not found.`);
}
