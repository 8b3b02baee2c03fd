import { BatchRef } from '../common/refs.ts';
import { watchField } from '../common/watch-field.ts';

watchField('batches', {
  typename: 'Batch',
  type: BatchRef,
  member: 'batch',
  noun: 'a batch',
  plural: 'batches',
  description: [
    'Emits the current state (one SNAPSHOT event per batch), then every change in order, as `exportJobChanged` does for export jobs. With',
    '`ids`, the stream completes when all of these batches have ended or are removed. Without `ids`, it starts with the batches of the',
    'sandbox that have not ended, and with those of the 100 newest batches that ended within the last 15 minutes; then it covers each batch',
    'that is created later until its end. If more than 1,000 batches have not ended, it covers the newest of them and emits a STALE event.',
  ].join('\n'),
  ended: 'recently',
});
