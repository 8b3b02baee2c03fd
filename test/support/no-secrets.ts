import { afterAll, afterEach, expect } from 'vitest';
import { takeLeaks } from './secrets.ts';

/** Fails the test during which a secret was written; of a file's last words, the file. */
const expectNoLeaks = () => expect(takeLeaks(), 'secrets that were written').toEqual([]);

afterEach(expectNoLeaks);
afterAll(expectNoLeaks);
