import { useEffect } from 'react';
import { globalId } from '../live/names.ts';
import { useGateway } from './gateway.tsx';
import { useValue } from './use-value.ts';

type NamedType = Parameters<typeof globalId>[0];

/** Names of entities, in the order of the ids. Until a name is known, and if there is none, it is the platform's id. */
export function useNames(type: NamedType, platformIds: readonly string[]): readonly string[] {
  const { names } = useGateway();
  const known = useValue(names);
  const ids = platformIds.map((id) => globalId(type, id));
  useEffect(() => {
    for (const id of ids) names.want(id);
  });
  return platformIds.map((id, index) => known.get(ids[index] ?? '') ?? id);
}
