import { DatasetRef } from '../common/refs.ts';
import { watchField } from '../common/watch-field.ts';

watchField('datasets', {
  typename: 'Dataset',
  type: DatasetRef,
  member: 'dataset',
  noun: 'a dataset',
  plural: 'datasets',
  description: [
    'Emits the current state (one SNAPSHOT event per dataset), then every change in order, as `exportJobChanged` does for export jobs.',
    'Without `ids`, it covers the 1,000 newest datasets of the sandbox and each dataset that is created later. Name older datasets in `ids`.',
    'A dataset never ends, so that the stream completes only when all datasets of `ids` are removed.',
  ].join('\n'),
});
