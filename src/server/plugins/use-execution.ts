import type { Plugin } from 'graphql-yoga';
import { execute } from '../../execution/execute.ts';

/** Executes queries and mutations with the gateway's own executor, which plans each document once. */
export function useExecution(): Plugin {
  return { onExecute: ({ setExecuteFn }) => setExecuteFn(execute) };
}
