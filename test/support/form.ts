/** Form of a body: the kinds of its values by JSON pointer. Items of lists and keys of maps are `*`. */
export type Form = ReadonlyMap<string, { readonly kinds: ReadonlySet<string>; readonly isAlways: boolean }>;

/**
 * Kind of an object: its keys are field names; or ids and the like (a map, whose entries are compared as one); or they
 * are ignored (opaque).
 */
export type ObjectKind = 'fields' | 'map' | 'opaque';

/** The form of a body. */
export function formOf(body: unknown, kindAt: (pointer: string) => ObjectKind, pointer = ''): Form {
  const kinds = new Set([kindOf(body)]);
  const own: Form = new Map([[pointer, { kinds, isAlways: true }]]);
  if (typeof body !== 'object' || body === null || kindAt(pointer) === 'opaque') return own;
  if (Array.isArray(body) || kindAt(pointer) === 'map') {
    const entries = Object.values(body).map((entry) => formOf(entry, kindAt, `${pointer}/*`));
    return entries.length === 0 ? own : new Map([...own, ...commonForm(entries)]);
  }
  const members = Object.entries(body).flatMap(([name, value]) => [...formOf(value, kindAt, `${pointer}/${name}`)]);
  return new Map([...own, ...members]);
}

/** Form of several bodies: a pointer is included if at least one body has it, and is always present if all have it. */
export function commonForm(forms: readonly Form[]): Form {
  const pointers = new Set(forms.flatMap((form) => [...form.keys()]));
  return new Map(
    [...pointers].map((pointer) => {
      const found = forms.flatMap((form) => form.get(pointer) ?? []);
      const parents = forms.filter((form) => pointer === '' || form.has(parentOf(pointer)));
      const isAlways = found.length === parents.length && found.every((each) => each.isAlways);
      return [pointer, { kinds: new Set(found.flatMap(({ kinds }) => [...kinds])), isAlways }];
    }),
  );
}

/**
 * Pointers that are always present in the required form and missing in the other, one per line. Entries of an empty
 * list are not reported.
 */
export function missing(sent: Form, required: Form): readonly string[] {
  return [...required]
    .filter(([pointer, { isAlways }]) => isAlways && !sent.has(pointer) && sent.has(parentOf(pointer)))
    .filter(([pointer]) => !pointer.endsWith('/*'))
    .map(([pointer]) => `${pointer} is missing`);
}

/** Pointers of a form that the complete known form does not contain, one per line. */
export function unknown(sent: Form, known: Form): readonly string[] {
  return [...sent].flatMap(([pointer, { kinds }]) => {
    const recorded = known.get(pointer)?.kinds;
    if (recorded === undefined) return [`${pointer} was never recorded`];
    const others = [...kinds].filter((kind) => !recorded.has(kind));
    return others.map((kind) => `${pointer} is ${kind} and not ${[...recorded].sort().join(' or ')}`);
  });
}

/** A form with replaced pointers. Values with equal new pointers are merged. */
export function moved(form: Form, move: (pointer: string) => string): Form {
  return commonForm([...form].map(([pointer, value]) => new Map([[move(pointer), value]])));
}

const parentOf = (pointer: string) => pointer.slice(0, pointer.lastIndexOf('/'));

/** Kind of a value. Times in different units are different kinds. */
function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  if (typeof value === 'number') return kindOfNumber(value);
  return typeof value === 'string' ? kindOfText(value) : typeof value;
}

function kindOfNumber(value: number): string {
  if (value >= 1e11) return 'time in milliseconds';
  return value >= 1e9 ? 'time in seconds' : 'number';
}

const textKinds = [
  ['numeric text', /^\d+$/],
  ['RFC 3339 time', /^\d{4}-\d{2}-\d{2}T/],
  ['time with a space', /^\d{4}-\d{2}-\d{2} \d{2}:/],
  ['reference', /^@\//],
  ['path', /^\//],
  ['URL', /^https?:\/\//],
] as const;

function kindOfText(value: string): string {
  return textKinds.find(([, form]) => form.test(value))?.[0] ?? 'text';
}
