/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  /** By lower-case name; of a repeated header the last one. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** Whether the whole body came. */
  readonly isWhole: boolean;
}

const headEnd = '\r\n\r\n';

/** Reads the answers of one connection, the first one first. */
export function readAnswers(received: Buffer): readonly RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = received.toString('latin1');
  while (rest !== '') {
    const end = rest.indexOf(headEnd);
    const [statusLine = '', ...lines] = rest.slice(0, Math.max(0, end)).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
    // A connection that broke off in the middle of a head.
    if (end < 0) break;
    if (Number.isNaN(status)) throw new Error(`This is no answer: ${JSON.stringify(rest.slice(0, 200))}`);
    const headers = new Map(lines.map((line) => split(line)));
    const { body, isWhole, length } = readBody(rest.slice(end + headEnd.length), headers, status);
    answers.push({ status, headers, body: Buffer.from(body, 'latin1').toString(), isWhole });
    rest = rest.slice(end + headEnd.length + length);
    // What follows are frames of another protocol, or more of a body that nobody can tell the end of.
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
  // The answer to a HEAD announces a body that does not come; what follows it is another answer, or nothing.
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
