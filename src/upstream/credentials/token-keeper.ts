import { GatewayError, ShuttingDownError } from '../../errors.ts';
import { backoffMs } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { EndSignal } from '../../runtime/end-signal.ts';
import { untilAborted } from '../../runtime/until-aborted.ts';

/**
 * An access token of the gateway. Times are monotonic milliseconds, because the token service returns a lifetime. A
 * token that expired while the machine was suspended is replaced when the platform rejects it.
 */
export interface Token {
  /** The whole header value. */
  readonly authorization: string;
  readonly renewAtMs: number;
  readonly expiresAtMs: number;
}

export interface TokenKeeperOptions {
  readonly clock: Clock;
  /** Requests a token. At most one request is in flight. */
  readonly request: () => Promise<Token>;
  /** Called for each request that failed. */
  readonly failed: (error: unknown) => void;
}

/** Pause after a failed renewal while the current token is still valid, in milliseconds. */
const renewalPauseMs = 10_000;
/**
 * Pauses before the replacement of a rejected token may itself be replaced. They grow with each replacement, because a
 * platform that rejects all tokens must not cause a token request for each call.
 */
const replacementBackoff = { firstMs: 1_000, maxMs: 30_000 };
/** Time without a replacement after which the pauses start at `firstMs` again, in milliseconds. */
const replacementsForgottenAfterMs = 60_000;
/** Pauses after failures while there is no token. */
const failureBackoff = { firstMs: 250, maxMs: 30_000 };
/** The longest pause for which a call waits, in milliseconds, so that a short failure does not fail the call. */
const longestWaitMs = 1_000;
/** The longest pause that the token service can impose, in milliseconds. */
const longestRequestedPauseMs = 300_000;

/**
 * Keeps the one token of the gateway, which all calls share. The token is requested by the first call that needs it (or
 * by `start`), renewed in the background before it expires, and replaced after the platform has rejected it. The
 * current token stays in use until its replacement has arrived.
 *
 * After a failure all callers share one pause, in which no request is sent. A call without a token, or with a rejected
 * token, waits for the end of a short pause. In a long pause it fails at once with the error of the last request. After
 * `isReady` was read as false, a background task repeats the request after each pause, because a gateway that is not
 * ready receives no calls that could repeat it.
 */
export class TokenKeeper {
  readonly #options: TokenKeeperOptions;
  readonly #closing = new AbortController();
  #token: Token | null = null;
  #renewal: Promise<Token> | null = null;
  #failure: { readonly error: unknown; readonly count: number; readonly untilMs: number } | null = null;
  #renewNotBeforeMs = 0;
  /** The last replacement of a rejected token, and the number of replacements that count for the pause. */
  #replacement: { readonly atMs: number; readonly count: number } | null = null;
  /** The `Authorization` value that the platform rejected last. */
  #rejected: string | null = null;
  /** Whether a token must have arrived before the gateway is ready. */
  #awaited = false;
  #recovering = false;

  constructor(options: TokenKeeperOptions) {
    this.#options = options;
  }

  /** Requests the first token. The gateway is not ready before it has arrived. Resolves when the request has ended. */
  async start(): Promise<void> {
    this.#awaited = true;
    await this.#renew().catch(() => {});
  }

  /** Expiry of the current token, in monotonic milliseconds; null: there is none. */
  get expiresAtMs(): number | null {
    return this.#token?.expiresAtMs ?? null;
  }

  /** False while the gateway cannot obtain a token. */
  get isReady(): boolean {
    if (this.#failure === null) return !this.#awaited;
    if (this.#isUsable()) return true;
    void this.#recover();
    return false;
  }

  /** @throws the failure of the token request; the reason of `signal` if it aborts */
  async current(signal: EndSignal): Promise<Token> {
    for (;;) {
      const nowMs = this.#nowMs();
      const token = this.#token;
      if (token !== null && nowMs < token.expiresAtMs) {
        if (nowMs >= token.renewAtMs && nowMs >= this.#renewNotBeforeMs) this.#renew().catch(() => {});
        return token;
      }
      const requested = await this.#next(signal);
      if (requested !== null) return requested;
    }
  }

  /**
   * The token after the platform has rejected one: the replacement that another call has already caused, or a new one.
   * @returns null if the token is itself a replacement that is too recent to be replaced
   * @throws the failure of the token request; the reason of `signal` if it aborts
   */
  async replace(rejected: string, signal: EndSignal): Promise<Token | null> {
    for (;;) {
      const token = this.#token;
      if (token === null || token.authorization !== rejected) return await this.current(signal);
      this.#rejected = rejected;
      if (this.#renewal === null && this.#nowMs() < this.#replaceNotBeforeMs) return null;
      const requested = await this.#next(signal);
      if (requested !== null) return requested;
    }
  }

  /** The requested token. Null after a pause, because another call may have obtained a token in the meantime. */
  async #next(signal: EndSignal): Promise<Token | null> {
    const failure = this.#renewal === null ? this.#failure : null;
    const pauseMs = failure === null ? 0 : failure.untilMs - this.#nowMs();
    if (failure === null || pauseMs <= 0) return await untilAborted(this.#renew(), signal);
    if (pauseMs > longestWaitMs) throw failure.error;
    await this.#options.clock.sleep(pauseMs, signal);
    return null;
  }

  /** Cancels the request in flight. */
  async close(): Promise<void> {
    this.#closing.abort(new ShuttingDownError());
    await this.#renewal?.catch(() => {});
  }

  /** Aborts when the keeper is closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** The request in flight, or a new one. It serves all callers, so that the signal of one caller does not end it. */
  #renew(): Promise<Token> {
    this.#renewal ??= this.#options
      .request()
      .then(
        (renewed) => {
          if (this.#token !== null && this.#token.authorization === this.#rejected) this.#noteReplacement();
          this.#token = renewed;
          this.#failure = null;
          this.#awaited = false;
          return renewed;
        },
        (error: unknown) => {
          this.#fail(error);
          throw error;
        },
      )
      .finally(() => {
        this.#renewal = null;
      });
    return this.#renewal;
  }

  #noteReplacement(): void {
    const atMs = this.#nowMs();
    const last = this.#replacement;
    const isRepeated = last !== null && atMs - last.atMs < replacementsForgottenAfterMs;
    this.#replacement = { atMs, count: isRepeated ? last.count + 1 : 1 };
  }

  get #replaceNotBeforeMs(): number {
    const last = this.#replacement;
    return last === null ? 0 : last.atMs + backoffMs(replacementBackoff, last.count);
  }

  #fail(error: unknown): void {
    const nowMs = this.#nowMs();
    const count = (this.#failure?.count ?? 0) + 1;
    this.#failure = { error, count, untilMs: nowMs + pauseMs(error, count) };
    this.#renewNotBeforeMs = nowMs + renewalPauseMs;
    if (this.#closing.signal.aborted) return;
    this.#options.failed(error);
  }

  /** Repeats the request until there is a usable token. Never rejects. */
  async #recover(): Promise<void> {
    if (this.#recovering) return;
    this.#recovering = true;
    const { signal } = this.#closing;
    while (this.#failure !== null && !this.#isUsable() && !signal.aborted) {
      const waitMs = this.#repeatAtMs(this.#failure.untilMs) - this.#nowMs();
      try {
        if (waitMs > 0) await this.#options.clock.sleep(waitMs, signal);
        else await this.#renew();
      } catch {
        // `#failure` contains the failed request and determines the next pause. Without it the keeper is closed.
      }
    }
    this.#recovering = false;
  }

  /** Limits the replacements of a token that has not expired although the platform rejected it. */
  #repeatAtMs(untilMs: number): number {
    return this.#isValid() ? Math.max(untilMs, this.#replaceNotBeforeMs) : untilMs;
  }

  #isUsable(): boolean {
    return this.#isValid() && this.#token?.authorization !== this.#rejected;
  }

  #isValid(): boolean {
    return this.#token !== null && this.#nowMs() < this.#token.expiresAtMs;
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}

function pauseMs(error: unknown, count: number): number {
  const requested = error instanceof GatewayError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(backoffMs(failureBackoff, count), Math.min(requested, longestRequestedPauseMs));
}
