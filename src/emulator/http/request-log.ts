import type { RecordedRequest } from '../options.ts';

/** Maximum number of requests that are kept. */
const capacity = 10_000;

/** Query parameters that hold credentials. The token service accepts a client secret there. */
const secretParameters: ReadonlySet<string> = new Set([
  'client_secret',
  'client_assertion',
  'access_token',
  'token',
  'jwt_token',
  'code',
  'password',
]);

/** The most recently answered requests. */
export class RequestLog {
  readonly #requests: RecordedRequest[] = [];
  #count = 0;

  /** A copy, newest last. */
  get requests(): readonly RecordedRequest[] {
    return this.#requests.slice(-capacity);
  }

  add(request: Omit<RecordedRequest, 'number'>): void {
    this.#count += 1;
    this.#requests.push({ number: this.#count, ...request, path: withoutSecrets(request.path) });
    // Dropping many entries at a time keeps the amortized cost constant.
    if (this.#requests.length >= 2 * capacity) this.#requests.splice(0, this.#requests.length - capacity);
  }

  clear(): void {
    this.#requests.length = 0;
  }
}

function withoutSecrets(target: string): string {
  const [path = '', ...rest] = target.split('?');
  if (rest.length === 0) return target;
  const parameters = rest
    .join('?')
    .split('&')
    .map((parameter) => {
      // A name may be percent-encoded.
      const [name = ''] = new URLSearchParams(parameter).keys();
      return secretParameters.has(name.toLowerCase()) ? `${name}=***` : parameter;
    });
  return `${path}?${parameters.join('&')}`;
}
