import { z } from 'zod';

const lockfile = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      license: z.string().optional(),
      dev: z.boolean().optional(),
      dependencies: z.record(z.string(), z.string()).default({}),
    }),
  ),
});

export interface LicensedPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX expression; null if the lockfile contains none. */
  readonly license: string | null;
}

/** The packages of a production install, with the optional ones, sorted by name and version. */
export function productionPackages(lockfileText: string): readonly LicensedPackage[] {
  const { packages } = lockfile.parse(JSON.parse(lockfileText));
  const found = new Map<string, LicensedPackage>();
  for (const [path, { version = '', license = null, dev = false }] of Object.entries(packages)) {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (path !== '' && !dev) found.set(`${name}@${version}`, { name, version, license });
  }
  return [...found.entries()].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, licensed]) => licensed);
}

/**
 * The packages that a bundle can contain, although an install for production omits them: these packages and all that they
 * depend on, sorted by name.
 */
export function bundledPackages(lockfileText: string, names: Iterable<string>): readonly LicensedPackage[] {
  const { packages } = lockfile.parse(JSON.parse(lockfileText));
  const found = new Map<string, LicensedPackage>();
  const visit = (name: string): void => {
    if (found.has(name)) return;
    const entry = packages[`node_modules/${name}`];
    if (entry === undefined) return;
    found.set(name, { name, version: entry.version ?? '', license: entry.license ?? null });
    for (const dependency of Object.keys(entry.dependencies)) visit(dependency);
  };
  for (const name of names) visit(name);
  return [...found.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** Licences that permit use and redistribution with a notice alone. */
const permitted = new Set(['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT']);

/** Packages whose licence is unknown or needs a decision. */
export const unlicensed = (packages: readonly LicensedPackage[]): readonly string[] =>
  packages
    .filter(({ license }) => license === null || !license.split(' AND ').every((each) => permitted.has(each)))
    .map(({ name, version, license }) => `${name}@${version}: ${license ?? 'no licence'}`);
