import { defaultPace, type EmulatorPace, type PaceName, type StageDuration } from '../options.ts';

/** An export job has four stages. They take at most 12 ms together, besides the work of the job. */
const fastStage: StageDuration = [1, 3];
const slowFactor = 10;

const namedPaces: Readonly<Record<PaceName, EmulatorPace>> = {
  fast: mapStages(() => fastStage),
  real: defaultPace,
  slow: mapStages(([shortest, longest]) => [slowFactor * shortest, slowFactor * longest]),
};

/** All stages of a pace: those of a name, or the given ones and the defaults of the others. */
export function completePace(pace: PaceName | Partial<EmulatorPace>): EmulatorPace {
  return typeof pace === 'string' ? namedPaces[pace] : { ...defaultPace, ...pace };
}

function mapStages(change: (stage: StageDuration) => StageDuration): EmulatorPace {
  const stages = Object.entries<StageDuration>({ ...defaultPace }).map(([name, stage]) => [name, change(stage)]);
  // The names are those of the default pace.
  return Object.fromEntries(stages) as EmulatorPace;
}
