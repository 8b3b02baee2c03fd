/** Draws random numbers from 0 to below 1, always the same for one seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A number of the standard normal distribution (Box-Muller). */
export const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

const hourMs = 3_600_000;

/** Known distributions of durations, in milliseconds. */
export const distributions: Readonly<Record<string, (random: () => number) => number>> = {
  'normal, 2 % wide': (random) => 4 * hourMs * (1 + 0.02 * normal(random)),
  'normal, 20 % wide': (random) => hourMs * Math.max(0.05, 1 + 0.2 * normal(random)),
  'log-normal': (random) => hourMs * Math.exp(0.3 * normal(random)),
  'log-normal with a long tail': (random) => hourMs * Math.exp(normal(random)),
  uniform: (random) => hourMs * (0.5 + random()),
  exponential: (random) => -hourMs * Math.log(1 - random()),
  'of two sizes': (random) => hourMs * (random() < 0.7 ? 1 : 3) * (1 + 0.05 * normal(random)),
  'normal, with one outlier in fifty': (random) =>
    hourMs * (random() < 0.02 ? 20 : Math.max(0.05, 1 + 0.1 * normal(random))),
};
