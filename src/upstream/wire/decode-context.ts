import type { AnomalyKind } from '../types.ts';

/**
 * Dependencies of decoders. Decoders never throw. An unusable value becomes null, and an unexpected value is counted.
 */
export interface DecodeContext {
  anomaly(kind: AnomalyKind): void;
}
