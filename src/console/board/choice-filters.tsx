import { useCallback } from 'react';
import { useClient, useQuery } from 'urql';
import {
  DatasetNameDocument,
  DatasetsByNameDocument,
  SegmentNameDocument,
  SegmentsByNameDocument,
} from '../operations.generated.ts';
import { texts } from '../texts.ts';
import { SearchSelect } from '../ui/search-select.tsx';

export interface ChoiceFilterProps {
  /** Platform id; null: all. */
  readonly value: string | null;
  readonly onChange: (value: string | null) => void;
}

/** A choice of one dataset, searched by name. */
export function DatasetFilter({ value, onChange }: ChoiceFilterProps) {
  const client = useClient();
  const [{ data }] = useQuery({ query: DatasetNameDocument, variables: { id: value ?? '' }, pause: value === null });
  const search = useCallback(
    async (name: string) => {
      const result = await client.query(DatasetsByNameDocument, { name: name === '' ? null : name }).toPromise();
      const nodes = result.data?.datasets?.nodes ?? [];
      return nodes.map((dataset) => ({ id: dataset.platformId, label: dataset.name ?? dataset.platformId }));
    },
    [client],
  );
  return (
    <SearchSelect
      label={texts.board.columns.dataset}
      noneLabel={texts.board.allDatasets}
      value={value === null ? null : { id: value, label: data?.dataset?.name ?? value }}
      onChange={onChange}
      search={search}
    />
  );
}

/** A choice of one segment, searched by name. */
export function SegmentFilter({ value, onChange }: ChoiceFilterProps) {
  const client = useClient();
  const [{ data }] = useQuery({ query: SegmentNameDocument, variables: { id: value ?? '' }, pause: value === null });
  const search = useCallback(
    async (name: string) => {
      const result = await client.query(SegmentsByNameDocument, { name: name === '' ? null : name }).toPromise();
      const nodes = result.data?.segmentDefinitions?.nodes ?? [];
      return nodes.map((segment) => ({ id: segment.platformId, label: segment.name ?? segment.platformId }));
    },
    [client],
  );
  return (
    <SearchSelect
      label={texts.board.segment}
      noneLabel={texts.board.allSegments}
      value={value === null ? null : { id: value, label: data?.segmentDefinition?.name ?? value }}
      onChange={onChange}
      search={search}
    />
  );
}
