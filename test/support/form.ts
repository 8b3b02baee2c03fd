/** Where values are in a body and of which kinds: pointers in which items of lists and keys of maps are `*`. */
export type Form = ReadonlyMap<string, { readonly kinds: ReadonlySet<string>; readonly isAlways: boolean }>;

/**
 * What the keys of an object are: names of fields, ids and the like (a map, whose entries are compared as one), or of no
 * interest.
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

/** The form of several bodies: what one of them has is there, and what all of them have is always there. */
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

/** What is always there in one form and missing in another, one line each. Entries of an empty list are not missed. */
export function missing(sent: Form, required: Form): readonly string[] {
  return [...required]
    .filter(([pointer, { isAlways }]) => isAlways && !sent.has(pointer) && sent.has(parentOf(pointer)))
    .filter(([pointer]) => !pointer.endsWith('/*'))
    .map(([pointer]) => `${pointer} is missing`);
}

/** What is in one form and not in another that knows all that there is, one line each. */
export function unknown(sent: Form, known: Form): readonly string[] {
  return [...sent].flatMap(([pointer, { kinds }]) => {
    const recorded = known.get(pointer)?.kinds;
    if (recorded === undefined) return [`${pointer} was never recorded`];
    const others = [...kinds].filter((kind) => !recorded.has(kind));
    return others.map((kind) => `${pointer} is ${kind} and not ${[...recorded].sort().join(' or ')}`);
  });
}

/** A form with other pointers; what comes to lie at one place becomes one. */
export function moved(form: Form, move: (pointer: string) => string): Form {
  return commonForm([...form].map(([pointer, value]) => new Map([[move(pointer), value]])));
}

const parentOf = (pointer: string) => pointer.slice(0, pointer.lastIndexOf('/'));

/** Times count as of another kind when their unit is another one. */
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
