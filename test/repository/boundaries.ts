import { computedImport, type Import, type Module } from './source-scan.ts';

/** A part of the repository, and everything in the repository that it may import besides itself. */
export interface Layer {
  /** A folder with a trailing slash, or a file. If several match, the longest one applies. */
  readonly area: string;
  /** Folders and files that it may import without restriction. */
  readonly values: readonly string[];
  /** Folders and files whose types, but not values, it may import. */
  readonly types: readonly string[];
  readonly reason: string;
}

/** A package (`undici`, `graphql*`) or a global that only some places may use. */
export interface Restriction {
  /** Names; a trailing `*` matches any suffix. */
  readonly names: readonly string[];
  /** Folder of the modules to which the restriction applies. */
  readonly within: string;
  /** Areas that may use it, or areas that may not, whichever list is shorter. */
  readonly where: { readonly onlyIn: readonly string[] } | { readonly notIn: readonly string[] };
  readonly reason: string;
}

export interface Rules {
  readonly layers: readonly Layer[];
  readonly packages: readonly Restriction[];
  readonly globals: readonly Restriction[];
}

/** Violations of the rules, one per line: the module, the violation and the reason. Empty when there are none. */
export function violations(modules: readonly Module[], rules: Rules): readonly string[] {
  return modules.flatMap((module) => [
    ...forbiddenImports(module, rules.layers),
    ...module.imports.flatMap(({ target }) => restricted(module, target, 'imports', rules.packages)),
    ...module.uses.flatMap((use) => restricted(module, use, 'uses', rules.globals)),
  ]);
}

function forbiddenImports({ path, imports }: Module, layers: readonly Layer[]): string[] {
  const layer = layers
    .filter(({ area }) => covers(area, path))
    .toSorted((left, right) => right.area.length - left.area.length)[0];
  if (layer === undefined) return [`${path} has no row in the table`];
  const allowed = ({ target, kind }: Import): boolean =>
    covers(layer.area, target) ||
    layer.values.some((area) => covers(area, target)) ||
    (kind === 'type' && layer.types.some((area) => covers(area, target)));
  return imports.flatMap((each) => {
    if (each.target === computedImport) return [`${path} imports a computed module, which cannot be checked`];
    const isOfRepository = each.target.startsWith('..') || /^(?:src|test)\//.test(each.target);
    if (!isOfRepository || allowed(each)) return [];
    const what = each.kind === 'type' ? 'types of ' : '';
    return [`${path} imports ${what}${each.target}: ${layer.reason}`];
  });
}

function restricted(
  { path }: Module,
  name: string,
  verb: 'imports' | 'uses',
  restrictions: readonly Restriction[],
): string[] {
  return restrictions.flatMap(({ names, within, where, reason }) => {
    if (!covers(within, path) || !names.some((pattern) => isNamed(name, pattern))) return [];
    const may =
      'onlyIn' in where
        ? where.onlyIn.some((area) => covers(area, path))
        : !where.notIn.some((area) => covers(area, path));
    return may ? [] : [`${path} ${verb} ${name}: ${reason}`];
  });
}

const covers = (area: string, path: string): boolean => (area.endsWith('/') ? path.startsWith(area) : path === area);

const isNamed = (name: string, pattern: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

/**
 * Circles of imports, including those of types alone, because a reader of one module of a circle must read all of them.
 * @returns the modules of each circle, in the order of the imports
 */
export function importCircles(modules: readonly Module[]): readonly (readonly string[])[] {
  const targets = new Map(modules.map(({ path, imports }) => [path, imports.map(({ target }) => target)]));
  const circles: string[][] = [];
  const done = new Set<string>();
  const visit = (path: string, open: readonly string[]): void => {
    const start = open.indexOf(path);
    if (start >= 0) {
      circles.push([...open.slice(start), path]);
      return;
    }
    if (done.has(path)) return;
    for (const target of targets.get(path) ?? []) visit(target, [...open, path]);
    done.add(path);
  };
  for (const path of targets.keys()) visit(path, []);
  return circles;
}
