import { describe, expect, it } from 'vitest';
import { acceptsStream, jsonTypeOf, parseAccept } from '../../../../../src/server/transports/http/accept.ts';

const [json, graphqlResponse] = ['application/json', 'application/graphql-response+json'];

describe('the media type of a JSON response', () => {
  it.each([
    [null, json],
    ['*/*', json],
    ['application/*', json],
    [json, json],
    [graphqlResponse, graphqlResponse],
    [`${graphqlResponse}, ${json};q=0.9`, graphqlResponse],
    [`${json};q=0.9, ${graphqlResponse}`, graphqlResponse],
    [`${json}, ${graphqlResponse}`, json],
    [`${graphqlResponse};q=0, ${json}`, json],
    [`Application/GraphQL-Response+JSON; charset=UTF-8`, graphqlResponse],
    [`${graphqlResponse};charset=latin1, ${json}`, json],
    [`text/event-stream, ${json}`, json],
    ['text/html', null],
    ['text/event-stream', null],
    [`${json};q=0`, null],
    ['', null],
    [`${','.repeat(30_000)} ,${json}`, json],
    // Only the first 64 types are read.
    [`${'x,'.repeat(63)}${json}`, json],
    [`${'x,'.repeat(64)}${json}`, null],
  ])('for %j is %s', (header, expected) => {
    expect(jsonTypeOf(parseAccept(header))).toBe(expected);
  });
});

describe('a stream', () => {
  it.each([
    [null, true],
    ['*/*', true],
    ['text/*', true],
    ['text/event-stream', true],
    ['multipart/mixed; subscriptionSpec="1.0"', true],
    ['multipart/mixed;subscriptionSpec=1.0, application/json', true],
    ['multipart/mixed; subscriptionSpec="2.0"', false],
    ['multipart/mixed', false],
    [json, false],
    ['text/event-stream;q=0, application/json', false],
  ])('is accepted by %j: %s', (header, expected) => {
    expect(acceptsStream(parseAccept(header))).toBe(expected);
  });
});
