import { describe, expect, it } from 'vitest';
import { contentDisposition } from '../../../../src/server/downloads/content-disposition.ts';

describe('the header Content-Disposition', () => {
  it.each([
    ['part-0.parquet', 'part-0.parquet', 'part-0.parquet'],
    ["it's (1)*.parquet", "it's (1)*.parquet", 'it%27s%20%281%29%2A.parquet'],
    ['é – 😀.csv', '_ _ _.csv', '%C3%A9%20%E2%80%93%20%F0%9F%98%80.csv'],
    ['a"b\\c;d.csv', 'a_b_c;d.csv', 'a%22b%5Cc%3Bd.csv'],
    ['%41 100%.csv', '_41 100%.csv', '%2541%20100%25.csv'],
  ])('states %j in ASCII and in full', (name, ascii, full) => {
    expect(contentDisposition(name)).toBe(`attachment; filename="${ascii}"; filename*=UTF-8''${full}`);
  });
});
