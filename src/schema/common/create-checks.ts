import type { GatewayContext } from '../../context/context.ts';
import { isUnionProfileDataset } from '../../domain/dataset.ts';
import type { DatasetId, MergePolicyId, SegmentId } from '../../domain/ids.ts';
import { everySegment } from '../../domain/segment-job.ts';
import {
  GatewayCredentialError,
  GatewayError,
  type InputIssue,
  InvalidInputError,
  TokenExpiredError,
  UnauthenticatedError,
} from '../../errors.ts';
import { untilAborted } from '../../runtime/until-aborted.ts';

/** Time that the checks of one create may take together, in milliseconds. */
const checkTimeoutMs = 5_000;
/** Number of segments that are checked. One call to the platform may name that many. */
const maxCheckedSegments = 100;

type CheckContext = Pick<GatewayContext, 'loaders' | 'clock'>;

/** Returns the issues of a part of the input. It calls the platform once. */
type Check = () => Promise<readonly InputIssue[]>;

/**
 * Runs checks at the same time, before a create is sent. A check that cannot be carried out (no permission, a failing
 * platform, no time) finds nothing, so that it does not block the create.
 * @throws {InvalidInputError} the checks found issues
 * @throws {UnauthenticatedError | TokenExpiredError | GatewayCredentialError} the platform rejects the credential
 */
export async function runChecks({ clock }: CheckContext, checks: readonly Check[]): Promise<void> {
  using deadline = clock.deadline(checkTimeoutMs);
  const found = await Promise.all(
    checks.map((check) =>
      untilAborted(check(), deadline.signal).catch((error: unknown) => {
        if (deadline.signal.aborted) return [];
        throw error;
      }),
    ),
  );
  const issues = found.flat();
  if (issues.length > 0) throw new InvalidInputError(issues);
}

/** Checks that the dataset exists and is on the union profile schema. */
export const datasetCheck =
  ({ loaders }: CheckContext, id: DatasetId, path: string): Check =>
  async () => {
    const dataset = await known(loaders.dataset.load(id));
    if (dataset === null) return [{ path, message: 'is not a dataset of this sandbox' }];
    // Catalog may omit the schema.
    if (dataset === 'unknown' || dataset.schemaRef === null || isUnionProfileDataset(dataset)) return [];
    return [{ path, message: 'is not a dataset on the union profile schema' }];
  };

/** Checks that the first 100 of the segments exist. `*` stands for all segments. */
export const segmentsCheck =
  ({ loaders }: CheckContext, named: readonly { readonly id: SegmentId; readonly path: string }[]): Check =>
  async () => {
    const ids = new Set(named.map(({ id }) => id).filter((id) => id !== everySegment));
    const checked = [...ids].slice(0, maxCheckedSegments);
    const found = await Promise.all(checked.map((id) => known(loaders.segmentDefinition.load(id))));
    const missing = new Set(checked.filter((_, index) => found[index] === null));
    return named
      .filter(({ id }) => missing.has(id))
      .map(({ path }) => ({ path, message: 'is not a segment of this sandbox' }));
  };

/** The entries of the argument `segmentIds`. */
export const namedSegments = (ids: readonly SegmentId[]) =>
  ids.map((id, index) => ({ id, path: `input.segmentIds.${index}` }));

/** Checks that the merge policy exists. */
export const mergePolicyCheck =
  ({ loaders }: CheckContext, id: MergePolicyId, path: string): Check =>
  async () =>
    (await known(loaders.mergePolicy.load(id))) === null
      ? [{ path, message: 'is not a merge policy of this sandbox' }]
      : [];

/** Whether the platform rejects the credential. The create would be rejected too. */
const credentialErrors = [UnauthenticatedError, TokenExpiredError, GatewayCredentialError];

/** The entity; null if it does not exist; `unknown` if the platform does not return it for another reason. */
async function known<Entity>(load: Promise<Entity | null>): Promise<Entity | null | 'unknown'> {
  try {
    return await load;
  } catch (error) {
    // Any error that is not a GatewayError is a fault of the gateway, or the caller has left.
    if (credentialErrors.some((type) => error instanceof type) || !(error instanceof GatewayError)) throw error;
    return 'unknown';
  }
}
