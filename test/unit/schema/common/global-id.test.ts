import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../../../src/errors.ts';
import { globalId, nodeTypenames, parseId, splitGlobalId } from '../../../../src/schema/common/global-id.ts';

const typename = fc.constantFrom(...nodeTypenames);
const id = fc.string({ minLength: 1 });

describe('a global id', () => {
  it('is readable', () => {
    expect(globalId('ExportJob', '24115')).toBe('ExportJob:24115');
  });

  it('splits into its parts, whatever the id of the platform contains', () => {
    fc.assert(
      fc.property(typename, id, (name, raw) => {
        expect(splitGlobalId(globalId(name, raw))).toEqual({ typename: name, id: raw });
      }),
    );
    expect(splitGlobalId('Batch:a:b:')).toEqual({ typename: 'Batch', id: 'a:b:' });
  });

  it.each([
    '',
    ':',
    ':1',
    '24115',
    'ExportJob',
    'ExportJob:',
    'Nothing:1',
    'exportjob:1',
    'ExportJob1',
    'BatchX',
    ' Batch:1',
  ])('cannot be %j', (text) => {
    expect(splitGlobalId(text)).toBeNull();
  });

  it('needs a colon, so a text that only begins like a type name is invalid', () => {
    fc.assert(
      fc.property(typename, fc.string(), (name, rest) => {
        fc.pre(!rest.startsWith(':'));
        expect(splitGlobalId(name + rest)).toBeNull();
      }),
    );
  });
});

describe('an id argument', () => {
  it('is a global id of its type or the id of the platform', () => {
    expect(parseId('ExportJob', 'ExportJob:24115')).toBe('24115');
    expect(parseId('ExportJob', '24115')).toBe('24115');
    expect(parseId('Dataset', 'a:b')).toBe('a:b');
    expect(parseId('Dataset', 'Batch1')).toBe('Batch1');
    fc.assert(fc.property(typename, id, (name, raw) => parseId(name, globalId(name, raw)) === raw));
  });

  it('is rejected with its path if it has another type', () => {
    const issues = [{ path: 'input.datasetId', message: 'is the id of a Batch, not of a Dataset' }];
    expect(() => parseId('Dataset', 'Batch:1', 'input.datasetId')).toThrow(new InvalidInputError(issues));
  });

  it.each(['', 'Dataset:'])('is rejected when it is empty: %j', (text) => {
    expect(() => parseId('Dataset', text)).toThrow(
      new InvalidInputError([{ path: 'id', message: 'must not be empty' }]),
    );
  });
});
