import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { buildSchema, type GraphQLSchema } from 'graphql';

/** The printed SDL, as clients and federated graphs receive it. */
export const printedSchema = (): GraphQLSchema =>
  buildSchema(readFileSync(resolve(import.meta.dirname, '../../schema/schema.graphql'), 'utf8'));

/** File of the public contract: next to the repository, or `AEP_CONTRACT_FILE`. It is not part of the repository. */
const contractFile =
  process.env['AEP_CONTRACT_FILE'] ??
  resolve(import.meta.dirname, '../../..', ...['shared', 'design', 'contract.graphql']);

export const contractAvailable = existsSync(contractFile);

/** The contract: SDL, and rules in its comments. */
export const contractText = (): string => readFileSync(contractFile, 'utf8');
