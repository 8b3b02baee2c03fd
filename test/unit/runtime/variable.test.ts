import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  describeVariables,
  integer,
  optionalVariable,
  variable,
  variablesInPlainText,
} from '../../../src/runtime/variable.ts';

const shape = {
  PORT: variable(integer(0, 9_000), 4_000, 'The `port`, of `HOST`.'),
  HOST: variable(z.string(), '127.0.0.1', 'The host.'),
  NAMES: variable(z.array(z.string()), ['a', 'b'], 'Names.'),
  NO_NAMES: variable(z.array(z.string()), [], 'Names.'),
  FLAG: variable(z.record(z.string(), z.boolean()), { first: false, second: true, third: false }, 'Depends.'),
  URL: optionalVariable(z.string(), 'the `HOST` of each request', 'An address.'),
};

describe('an environment variable', () => {
  it('has the default of its row, or undefined without one', () => {
    expect(z.object(shape).parse({})).toEqual({
      PORT: 4_000,
      HOST: '127.0.0.1',
      NAMES: ['a', 'b'],
      NO_NAMES: [],
      FLAG: { first: false, second: true, third: false },
    });
  });

  it('is described with the default as a text that the variable accepts', () => {
    expect(describeVariables(shape).map(({ name, shownDefault }) => [name, shownDefault])).toEqual([
      ['PORT', '4000'],
      ['HOST', '`127.0.0.1`'],
      ['NAMES', '`a,b`'],
      ['NO_NAMES', 'none'],
      ['FLAG', 'true in `second` mode, else false'],
      ['URL', 'the `HOST` of each request'],
    ]);
  });

  it('is shown in the help in plain text', () => {
    expect(variablesInPlainText({ PORT: shape.PORT })).toBe('  PORT (default: 4000)\n      The port, of HOST.\n');
  });

  it.each(['', ' 1', '1e3', '-1', '9001', '0x10', '1.0'])('rejects %j as an integer from 0 to 9000', (text) => {
    const { error } = integer(0, 9_000).safeParse(text);
    expect(error?.issues.map(({ message }) => message)).toEqual(['must be a whole number from 0 to 9000']);
  });
});
