import type { ServerResponse } from 'node:http';
import type { Service } from '../errors.ts';
import type { Headers, Platform, Reply } from '../http/operation.ts';
import { credential } from '../options.ts';
import { deliver, reset } from './deliver.ts';
import { isDelivery } from './fault-plan.ts';
import type { Fault } from './fault-script.ts';
import { scriptedStatus } from './scripted-status.ts';

/** A request for which at least one fault is active. */
export interface FaultyExchange {
  readonly faults: readonly Fault[];
  readonly response: ServerResponse;
  readonly method: string;
  readonly service: Service;
  readonly sandbox: string | null;
  readonly requestId: string;
  readonly acceptsGzip: boolean;
  /** Aborts when the platform is about to close. Pauses then end, and the connection breaks. */
  readonly ending: AbortSignal;
  /** Carries the request out; never throws. */
  answer(): Promise<Reply>;
  /** Headers of a response that begins now. */
  commonHeaders(): Headers;
  /** Called once, before the response is sent; status 0 when the connection ends without a response. */
  onAnswer(status: number): void;
}

/** Thrown within an exchange when the caller has disconnected. */
class CallerGoneError extends Error {
  override readonly name = 'CallerGoneError';
}

/** Answers one request with its faults. It ends when the caller disconnects or the server closes, and never throws. */
export async function exchangeWithFaults(exchange: FaultyExchange, platform: Platform): Promise<void> {
  const { faults, response } = exchange;
  const leaving = new AbortController();
  response.once('close', () => leaving.abort(new CallerGoneError('The connection was closed.')));
  const gone = AbortSignal.any([leaving.signal, exchange.ending]);
  const pause = async (when: 'before' | 'after-apply') => {
    for (const fault of faults) {
      if (fault.kind === 'latency' && fault.when === when) await platform.clock.sleep(fault.ms, gone);
    }
  };

  let reply: Reply | null;
  try {
    if (faults.some(({ kind }) => kind === 'expireTokens')) await platform.tokens.revokeAll();
    await pause('before');
    reply = await replyTo(exchange, platform);
    await pause('after-apply');
  } catch (error) {
    platform.logger.debug({ err: error }, 'a request with faults was not answered');
    exchange.onAnswer(0);
    reset(response);
    return;
  }
  if (reply === null) {
    exchange.onAnswer(0);
    reset(response);
    return;
  }
  exchange.onAnswer(reply.status);
  try {
    await deliver(reply, faults.find(isDelivery), {
      response,
      common: exchange.commonHeaders(),
      acceptsGzip: exchange.acceptsGzip,
      clock: platform.clock,
      gone,
    });
  } catch (error) {
    platform.logger.debug({ err: error }, 'a response with faults could not be sent completely');
    response.destroy();
  }
}

/** @returns null when the connection breaks without a response. */
async function replyTo(exchange: FaultyExchange, { clock }: Platform): Promise<Reply | null> {
  const { faults, method, service, requestId, sandbox } = exchange;
  const delivery = faults.find(isDelivery);
  if (delivery?.kind === 'reset' && delivery.when === 'before') return null;
  if (delivery?.kind === 'status') {
    const { organization } = credential;
    return scriptedStatus(delivery, method, { service, requestId, organization, sandbox, now: clock.now() });
  }
  const reply = await exchange.answer();
  return delivery?.kind === 'reset' && delivery.when === 'after-apply' ? null : reply;
}
