import type { AnomalyKind } from '../metrics.ts';

/** What decoding needs beside the value. Decoders never throw: what cannot be used is null, what is odd is counted. */
export interface DecodeContext {
  anomaly(kind: AnomalyKind): void;
}
