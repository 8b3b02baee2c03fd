/** A response as received from the socket. */
export interface RawAnswer {
  readonly status: number;
  /** Headers by lower-case name; for a repeated header, the last value. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** Whether the body is complete. */
  readonly isWhole: boolean;
}

const headEnd = '\r\n\r\n';

/** Parses the responses of one connection, in order. */
export function readAnswers(received: Buffer): readonly RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = received.toString('latin1');
  while (rest !== '') {
    const end = rest.indexOf(headEnd);
    const [statusLine = '', ...lines] = rest.slice(0, Math.max(0, end)).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
    // The connection ended within a header section.
    if (end < 0) break;
    if (Number.isNaN(status)) throw new Error(`This is not an HTTP response: ${JSON.stringify(rest.slice(0, 200))}`);
    const headers = new Map(lines.map((line) => split(line)));
    const { body, isWhole, length } = readBody(rest.slice(end + headEnd.length), headers, status);
    answers.push({ status, headers, body: Buffer.from(body, 'latin1').toString(), isWhole });
    rest = rest.slice(end + headEnd.length + length);
    // The following bytes are frames of another protocol, or part of a body whose end is unknown.
    if (status === 101 || !isWhole) break;
  }
  return answers;
}

function split(line: string): readonly [name: string, value: string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

function readBody(text: string, headers: ReadonlyMap<string, string>, status: number) {
  if (status < 200 || status === 204 || status === 304) return { body: '', isWhole: true, length: 0 };
  if (headers.get('transfer-encoding') === 'chunked') return readChunks(text);
  const announced = headers.get('content-length');
  if (announced === undefined) return { body: text, isWhole: false, length: text.length };
  const body = text.slice(0, Number(announced));
  // The response to a HEAD announces a body that is not sent. It is followed by another response, or by nothing.
  if (body === '' || body.startsWith('HTTP/1.1 ')) return { body: '', isWhole: true, length: 0 };
  return { body, isWhole: body.length === Number(announced), length: body.length };
}

function readChunks(text: string) {
  let body = '';
  let at = 0;
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    const length = Number.parseInt(text.slice(at, lineEnd), 16);
    if (lineEnd < 0 || Number.isNaN(length)) return { body, isWhole: false, length: text.length };
    at = lineEnd + 2 + length + 2;
    body += text.slice(lineEnd + 2, at - 2);
    if (at > text.length) return { body, isWhole: false, length: text.length };
    if (length === 0) return { body, isWhole: true, length: at };
  }
}
