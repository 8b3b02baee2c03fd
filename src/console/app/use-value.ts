import { useSyncExternalStore } from 'react';
import type { ValueStore } from './value-store.ts';

/** The value of a store. The component is rendered again when it changes. */
export const useValue = <Value>(store: ValueStore<Value>): Value => useSyncExternalStore(store.subscribe, store.get);
