import { afterAll, afterEach, expect } from 'vitest';
import { takeLeaks } from './secrets.ts';

/** Fails the test during which a secret was written, or the file if it was written after the last test. */
const expectNoLeaks = () => expect(takeLeaks(), 'secrets that were written').toEqual([]);

afterEach(expectNoLeaks);
afterAll(expectNoLeaks);
