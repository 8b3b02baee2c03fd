import { describe, expect, it } from 'vitest';
import { applyJsonPatch } from '../../../src/emulator/operations/json-patch.ts';

const document = { name: 'a', list: [1, 2], deep: { 'x/y': { '~': true } } };

describe('a JSON Patch', () => {
  it.each([
    [[{ op: 'add', path: '/new', value: 1 }], { ...document, new: 1 }],
    [[{ op: 'add', path: '/list/1', value: 9 }], { ...document, list: [1, 9, 2] }],
    [[{ op: 'add', path: '/list/-', value: 9 }], { ...document, list: [1, 2, 9] }],
    [[{ op: 'replace', path: '/list/0', value: 9 }], { ...document, list: [9, 2] }],
    [[{ op: 'remove', path: '/list/0' }], { ...document, list: [2] }],
    [[{ op: 'remove', path: '/name' }], { list: [1, 2], deep: document.deep }],
    [[{ op: 'replace', path: '/deep/x~1y/~0', value: false }], { ...document, deep: { 'x/y': { '~': false } } }],
    [[{ op: 'copy', from: '/list', path: '/other' }], { ...document, other: [1, 2] }],
    [[{ op: 'move', from: '/name', path: '/title' }], { title: 'a', list: [1, 2], deep: document.deep }],
    [[{ op: 'test', path: '/list', value: [1, 2] }], document],
    [[], document],
  ])('%j', (patch, expected) => {
    expect(applyJsonPatch(document, patch)).toEqual(expected);
  });

  it.each([
    [[{ op: 'replace', path: '/absent', value: 1 }]],
    [[{ op: 'remove', path: '/absent' }]],
    [[{ op: 'remove', path: '/list/7' }]],
    [[{ op: 'remove', path: '' }]],
    [[{ op: 'add', path: '/list/7', value: 1 }]],
    [[{ op: 'add', path: '/name/x', value: 1 }]],
    [[{ op: 'test', path: '/name', value: 'b' }]],
    [[{ op: 'replace', path: '', value: 'no object' }]],
    [[{ op: 'burn', path: '/name' }]],
    [[{ op: 'add', path: 'name', value: 1 }]],
    [{ name: 'b' }],
  ])('%j is rejected', (patch) => {
    expect(() => applyJsonPatch(document, patch)).toThrow();
  });

  it('changes neither the document nor any prototype', () => {
    const before = structuredClone(document);
    const patched = applyJsonPatch(document, [
      { op: 'add', path: '/__proto__', value: { polluted: true } },
      { op: 'add', path: '/list/-', value: 3 },
    ]);
    expect(document).toEqual(before);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
    expect(Object.getPrototypeOf(patched)).toBe(Object.prototype);
  });
});
