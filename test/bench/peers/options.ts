import { parseArgs } from 'node:util';
import { type Scenario, scenarios } from './scenarios.ts';

/** A build of the gateway. Its folder contains `dist/main.js`. */
export interface Build {
  readonly directory: string;
  readonly label: string;
}

export interface Options {
  /** The first build is compared with the peers; the other builds are only listed. */
  readonly builds: readonly Build[];
  readonly scenarios: readonly Scenario[];
  /** Names of the peers; null = all peers. */
  readonly peers: readonly string[] | null;
  readonly rounds: number;
  /** Length of a round, in seconds. */
  readonly seconds: number;
  /** Whether the results are written into the repository. */
  readonly write: boolean;
  /** Whether the gateway is profiled instead of compared. */
  readonly profile: boolean;
}

const defaultRounds = 5;
const defaultSeconds = 1.5;
/** Default scenario of a profile, and its duration in seconds of CPU. */
const profiledScenario = 'list';
const profileSeconds = 8;
const list = (text: string | undefined): readonly string[] | null => text?.split(',') ?? null;

/**
 * Flags of a short run: `--only list,job`, `--servers mercurius,proxy` (`none` for the gateway alone), `--rounds 3`,
 * `--seconds 1`, and `--gateway-dir FOLDER=LABEL`, which may be repeated to compare builds of the gateway. Results are
 * written only by a run without flags, or with `--write`. `--profile` prints the CPU profile of the gateway instead.
 * @throws {Error} on an unknown flag or scenario, or an invalid number
 */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      servers: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      'gateway-dir': { type: 'string', multiple: true },
      write: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
    },
  });
  const only = list(values.only);
  const unknown = only?.filter((name) => !scenarios.some((scenario) => scenario.name === name)) ?? [];
  if (unknown.length > 0) {
    throw new Error(
      `Unknown scenarios: ${unknown.join(', ')}. The scenarios are ${scenarios.map(({ name }) => name).join(', ')}.`,
    );
  }
  return {
    builds: (values['gateway-dir'] ?? ['.=this gateway']).map((text) => {
      const [directory = '', label = directory] = text.split('=');
      return { directory, label };
    }),
    scenarios: scenarios.filter(({ name }) => only?.includes(name) ?? (!values.profile || name === profiledScenario)),
    peers: list(values.servers),
    rounds: positive(values.rounds, defaultRounds),
    seconds: positive(values.seconds, values.profile ? profileSeconds : defaultSeconds),
    write: values.write || args.length === 0,
    profile: values.profile,
  };
}

function positive(text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!(value > 0)) throw new Error(`${text} is not a positive number.`);
  return value;
}
