import { PlatformError } from '../errors.ts';

/** A request that Catalog cannot understand. */
export function badRequest(detail: string): PlatformError {
  return new PlatformError(400, 'BadRequestError', detail);
}

/** @param kind the word that Catalog uses for the object: `DataSet`, `DataSetView`, `Batch` */
export function notFound(kind: 'DataSet' | 'DataSetView' | 'Batch'): PlatformError {
  return new PlatformError(404, 'NotFoundError', `${kind} not found.`);
}
