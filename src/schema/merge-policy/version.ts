import { GRAPHQL_MAX_INT } from 'graphql';

export const versionDescription = `Version of the policy. Null if the platform does not report it, or if it is greater than ${GRAPHQL_MAX_INT.toLocaleString('en')}.`;

/** The version of a policy as an Int. The platform’s own type is wider. */
export const versionOf = ({ version }: { readonly version: number | null }): number | null =>
  version !== null && Math.abs(version) <= GRAPHQL_MAX_INT ? version : null;
