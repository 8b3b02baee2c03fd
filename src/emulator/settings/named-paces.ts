import { defaultPace, type EmulatorPace, type PaceName, type StageDuration } from '../options.ts';

/**
 * Duration of each of an export job's four stages. Together they take at most 12 ms, in addition to the work of the
 * job.
 */
const fastStage: StageDuration = [1, 3];
const slowFactor = 10;

const namedPaces: Readonly<Record<PaceName, EmulatorPace>> = {
  fast: mapStages(() => fastStage),
  real: defaultPace,
  slow: mapStages(([shortest, longest]) => [slowFactor * shortest, slowFactor * longest]),
};

/** All stages of a pace: of a named pace, or the given stages with defaults for the others. */
export function completePace(pace: PaceName | Partial<EmulatorPace>): EmulatorPace {
  return typeof pace === 'string' ? namedPaces[pace] : { ...defaultPace, ...pace };
}

function mapStages(change: (stage: StageDuration) => StageDuration): EmulatorPace {
  const stages = Object.entries<StageDuration>({ ...defaultPace }).map(([name, stage]) => [name, change(stage)]);
  // The assertion holds because the names come from the default pace.
  return Object.fromEntries(stages) as EmulatorPace;
}
