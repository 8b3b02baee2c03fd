import type { GraphQLError } from 'graphql';
import { type GatewayErrorCode, httpStatusByCode } from '../../errors.ts';
import { httpByCode, type RequestErrorCode } from './request-error.ts';

/** Every code of an error in a result (`extensions.code`). The set is closed. */
export type ErrorCode = GatewayErrorCode | RequestErrorCode | 'INTERNAL_SERVER_ERROR';

/** HTTP status of each code, which states the party that is at fault. */
const statusByCode: ReadonlyMap<unknown, number> = new Map<string, number>([
  ...Object.entries(httpStatusByCode),
  ...Object.entries(httpByCode).map(([code, { status }]) => [code, status] as const),
  ['INTERNAL_SERVER_ERROR', 500],
]);

const isErrorCode = (code: unknown): code is ErrorCode => statusByCode.has(code);

/** The code of an error in a result. */
export function errorCodeOf(error: GraphQLError): ErrorCode {
  const { code } = error.extensions;
  return isErrorCode(code) ? code : codeOfGraphql(error);
}

/** Code of an error that graphql itself made. During execution such an error concerns an argument without a value. */
export const codeOfGraphql = ({ path }: Pick<GraphQLError, 'path'>): RequestErrorCode =>
  path === undefined ? 'BAD_REQUEST' : 'BAD_USER_INPUT';

/** Whether an error with this code is a fault of the platform or the gateway, and not of the request. */
export const isFailure = (code: ErrorCode): boolean => (statusByCode.get(code) ?? 500) >= 500;
