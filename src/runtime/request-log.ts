import type { Logger } from './logger.ts';
import type { RequestId } from './request-id.ts';

/** Writes the log lines of one request. Each contains its id. */
export class RequestLog {
  readonly requestId: RequestId;
  readonly #parent: Logger;
  #logger: Logger | undefined;

  constructor(parent: Logger, requestId: RequestId) {
    this.#parent = parent;
    this.requestId = requestId;
  }

  /** Created when it is first used, because most requests have no line. */
  get logger(): Logger {
    this.#logger ??= this.#parent.child({ requestId: this.requestId });
    return this.#logger;
  }
}
