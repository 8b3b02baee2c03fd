import { describe, expect, it } from 'vitest';
import { isUnionProfileDataset, unionProfileSchema } from '../../../src/domain/dataset.ts';

describe('a dataset', () => {
  it('accepts exports only if it is on the union schema of profiles', () => {
    const on = (id: string) => isUnionProfileDataset({ schemaRef: { id, contentType: null } });
    expect(on(unionProfileSchema)).toBe(true);
    expect(on('https://ns.adobe.com/xdm/context/profile')).toBe(false);
    expect(on(`${unionProfileSchema}x`)).toBe(false);
    expect(isUnionProfileDataset({ schemaRef: null })).toBe(false);
  });
});
