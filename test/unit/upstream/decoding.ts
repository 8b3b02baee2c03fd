import type { ReadingTimes } from '../../../src/domain/reading-times.ts';
import type { AnomalyKind } from '../../../src/upstream/index.ts';
import type { DecodeContext } from '../../../src/upstream/wire/decode-context.ts';

/** The result of a decoder, and the anomalies that it counted. */
export function decoding<Value>(decode: (context: DecodeContext) => Value) {
  const anomalies: AnomalyKind[] = [];
  const value = decode({ anomaly: (kind) => anomalies.push(kind) });
  return { value, anomalies };
}

export const reading: ReadingTimes = {
  requestedAt: new Date('2030-01-01T00:00:00Z'),
  observedAt: new Date('2030-01-01T00:00:01Z'),
};
