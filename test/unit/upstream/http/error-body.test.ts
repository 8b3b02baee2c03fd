import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ErrorBody, readErrorBody } from '../../../../src/upstream/http/error-body.ts';

const read = (body: unknown): ErrorBody => readErrorBody(typeof body === 'string' ? body : JSON.stringify(body));

const gatewayError = { code: 'UNAUTHORIZED', message: 'Api Key is invalid', details: { error_code: '403003' } };

describe('the reason in an error body', () => {
  it.each<[string, unknown, Partial<ErrorBody>]>([
    [
      'in a description next to a code',
      { errorCode: 'EX-1', errorDescription: 'The org has no licence' },
      { code: 'EX-1', title: null, detail: 'The org has no licence' },
    ],
    [
      'in a nested error, whose details hold the code of the API gateway',
      { error: gatewayError },
      { code: '403003', title: 'Api Key is invalid', detail: null, fromGateway: true },
    ],
    ['in a list of errors', { errors: [{ code: 'A-1', message: 'First' }, { message: 'Second' }] }, { title: 'First' }],
    ['in a list of texts', { errors: ['First', 'Second'] }, { title: 'First', detail: 'Second' }],
    ['in a map from fields to texts', { _errors: { name: ['is taken'] } }, { title: 'is taken' }],
    [
      'in a JSON:API error',
      { errors: [{ status: '400', code: 'x1', title: 'Invalid', detail: 'At /data' }] },
      { code: 'x1', title: 'Invalid', detail: 'At /data' },
    ],
    [
      'in a fault',
      { fault: { faultstring: 'Quota exceeded', detail: { errorcode: 'policies.quota' } } },
      { code: 'policies.quota', title: 'Quota exceeded' },
    ],
    [
      'in a detail that is an object',
      { title: 'Bad', detail: { reason: 'No body' } },
      { title: 'Bad', detail: 'No body' },
    ],
    ['in a detail that is a list', { detail: [{ loc: ['body'], msg: 'is required' }] }, { detail: 'is required' }],
    ['in a list of messages', { messages: ['First', 'Second'] }, { title: 'First' }],
    ['in a message that is a list', { message: ['First'] }, { title: 'First' }],
    ['in a cause that is an object', { message: 'Failed', cause: { message: 'No space' } }, { detail: 'No space' }],
    [
      'in a detailed message of a report',
      { title: 'Failed', report: { 'detailed-message': 'Why' } },
      { detail: 'Why' },
    ],
    [
      'with the code of its type, not that of an inner error',
      { type: 'http://ns.adobe.com/aep/errors/PDP-1-403', report: { errorChain: [{ errorCode: 'X-2-403' }] } },
      { code: 'PDP-1-403' },
    ],
    ['as a JSON text', '"Not today"', { title: 'Not today' }],
    ['as a number of a code', { error: { code: 42, message: 'No' } }, { code: '42', title: 'No' }],
    ['with words as its error', { error: 'Bad Request', message: 'No body' }, { code: null, title: 'No body' }],
    [
      'in the title of a page',
      '<!doctype html><html><head><title>502 Bad Gateway</title>',
      { title: '502 Bad Gateway' },
    ],
    ['in the message of an XML error', '<Error><Code>X</Code><Message>Expired</Message></Error>', { title: 'Expired' }],
    [
      'within markup',
      { message: '<p>Not <b class="x">allowed</b></p><script>alert(1)</script>', cause: 'a &lt;b&gt; <br/>c' },
      { title: 'Not allowed', detail: 'a c' },
    ],
    ['with a type of Java', { message: 'no List<java.lang.Object>' }, { title: 'no List<java.lang.Object>' }],
    ['nowhere', {}, { code: null, title: null, detail: null }],
    ['nowhere in a page', '<html><body>Sorry</body></html>', { title: null, detail: null }],
    ['nowhere in markup', { message: '<br>' }, { title: null }],
  ])('is found %s', (_, body, expected) => {
    expect(read(body)).toMatchObject(expected);
  });

  it.each([
    ['client_secret=p4ssw0rd-x', 'p4ssw0rd-x'],
    ['{"access_token": "abcdef-123456"}', 'abcdef-123456'],
    ['{"accessToken":"abcdef-123456"}', 'abcdef-123456'],
    ['refresh-token: abcdef-123456', 'abcdef-123456'],
    ['api-key: abcdef-123456', 'abcdef-123456'],
    ['x-user-token=abcdef-123456', 'abcdef-123456'],
    ['Client secret: abcdef-123456', 'abcdef-123456'],
    ['Cookie: abcdef-123456', 'abcdef-123456'],
    ['Authorization: abcdef-123456', 'abcdef-123456'],
    ['x-api-key: 0123456789abcdef', '0123456789abcdef'],
    ['<a href="https://h.example/?sig=abc">Bearer abcdef123456</a>', 'abcdef123456'],
  ])('does not contain the secret of %s', (message, secret) => {
    for (const body of [{ message }, { errors: [{ error: { message } }] }, message, `<title>${message}</title>`])
      expect(JSON.stringify(read(body))).not.toContain(secret);
  });

  it('is short, on one line and without tags, whatever the body contains', () => {
    const text = fc.array(fc.constantFrom('<', '>', '</b>', '<img src=x>', '&lt;', '\n', 'a', 'é', '"'), {
      maxLength: 60,
    });
    const key = fc.constantFrom('error', 'errors', 'message', 'detail', 'title', 'code', 'details', 'cause', '_errors');
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'large' },
        text.map((parts) => parts.join('')),
        fc.integer(),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 3 }),
      ),
    }));
    fc.assert(
      fc.property(tree, (body) => {
        const { code, title, detail } = read(JSON.stringify(body));
        for (const shown of [code, title, detail]) {
          expect((shown ?? '').length).toBeLessThanOrEqual(500);
          expect(shown ?? '').not.toMatch(/<img|<\/b>|\n/);
        }
      }),
    );
  });

  it('is read in bounded time and depth', () => {
    let body: unknown = { message: 'deep' };
    for (let depth = 0; depth < 2_000; depth += 1) body = { error: body, errors: Array(50).fill('x') };
    expect(read(body).title).toBe('x');
    expect(read(`<${'<'.repeat(1_000_000)}`).title).toBeNull();
    expect(read({ message: '<a '.repeat(100_000) }).title).toHaveLength(500);
  });
});
