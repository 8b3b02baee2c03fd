import { GatewayError, OutcomeUnknownError } from '../errors.ts';
import type { CarriedOut, UpstreamResponse, WriteClient, WriteRequest } from './http/call.ts';
import type { PlatformWrite, ReportWrite, WriteEnd, WriteSubject } from './types.ts';

/**
 * Carries out a write, and reports its end exactly once.
 * @param call sends a request
 * @param carryOut sends the requests of the write through the client that it receives
 * @throws the error of `carryOut`
 */
export async function reportWrite<Result>(
  { report, call }: { readonly report: ReportWrite; readonly call: WriteClient['send'] },
  subject: WriteSubject,
  carryOut: (sender: WriteClient) => Promise<CarriedOut<Result>>,
): Promise<Result> {
  let last: LastResponse = { status: null, requestId: null };
  const ended = (id: string | null, end: WriteEnd) => report({ ...subject, id, end, ...last });
  const send = async (request: WriteRequest): Promise<UpstreamResponse> => {
    try {
      const response = await call(request);
      last = { status: response.status, requestId: response.requestId };
      return response;
    } catch (error) {
      last = responseOf(error, request);
      throw error;
    }
  };
  let carriedOut: CarriedOut<Result>;
  try {
    carriedOut = await carryOut({ send });
  } catch (error) {
    ended(subject.id, { kind: 'failed', error });
    throw error;
  }
  const { result, id, evidence } = carriedOut;
  if (id === null) ended(subject.id, { kind: 'absent' });
  else ended(id, { kind: 'done', evidence });
  return result;
}

type LastResponse = Pick<PlatformWrite, 'status' | 'requestId'>;

/**
 * The response that an error is about. An error about the token is about a response of the token service. If a byte of a
 * write was sent and no response arrived, its outcome is unknown, so that after any other error nothing was sent.
 */
function responseOf(error: unknown, { service }: WriteRequest): LastResponse {
  const upstream = error instanceof GatewayError && error.upstream?.service === service ? error.upstream : null;
  const status = upstream?.status ?? null;
  const wasSent = status !== null || error instanceof OutcomeUnknownError;
  return { status, requestId: wasSent ? (upstream?.requestId ?? null) : null };
}
