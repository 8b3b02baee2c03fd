import { describe, expect, it } from 'vitest';
import { explainError, listenAs } from '../../../src/runtime/explain-error.ts';

const variables = { port: 'GATEWAY_PORT', host: 'GATEWAY_HOST' };
const explain = (message: string, properties: object = {}) =>
  explainError(Object.assign(new Error(message), properties), variables);

describe('the explanation of an error that keeps a program from running', () => {
  it('is its message, or its text if it is not an error', () => {
    expect(explain('no such file', { code: 'ENOENT' })).toBe('no such file');
    expect(explain('no such file')).toBe('no such file');
    expect(explainError('a text', variables)).toBe('a text');
    expect(explainError(undefined, variables)).toBe('undefined');
  });

  it('is one line', () => {
    expect(explain('first\nsecond  \n\n   third')).toBe('first second third');
  });

  it('has the messages of all errors of an AggregateError', () => {
    expect(explainError(new AggregateError([new Error('one'), 'two'], 'Both failed.'), variables)).toBe(
      'Both failed. one two',
    );
  });

  it('names the variable to change if the port is in use', () => {
    expect(explain('listen EADDRINUSE', { code: 'EADDRINUSE' })).toBe(
      'listen EADDRINUSE: another program uses that port; set GATEWAY_PORT to a free one, or to 0',
    );
  });

  it('names the variable to change if the port needs a privilege, but not if a file does', () => {
    expect(explain('listen EACCES', { code: 'EACCES', syscall: 'listen' })).toBe(
      'listen EACCES: set GATEWAY_PORT to a port that needs no privilege',
    );
    expect(explain('open EACCES', { code: 'EACCES', syscall: 'open' })).toBe('open EACCES');
    expect(explain('EACCES', { code: 'EACCES' })).toBe('EACCES');
  });

  it.each(['EADDRNOTAVAIL', 'EAI_AGAIN', 'ENOTFOUND'])('names the variable to change for %s', (code) => {
    expect(explain('no address', { code })).toBe('no address: set GATEWAY_HOST to an address of this machine');
  });

  it('names the variables of the address on which the program could not listen', async () => {
    const cause = Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE' });
    const failure = listenAs({ port: 'ADMIN_PORT', host: 'ADMIN_HOST' }, Promise.reject(cause));
    const error: unknown = await failure.catch((each: unknown) => each);
    expect(explainError(error, variables)).toBe(
      'listen EADDRINUSE: another program uses that port; set ADMIN_PORT to a free one, or to 0',
    );
    await expect(listenAs(variables, Promise.resolve('address'))).resolves.toBe('address');
  });
});
