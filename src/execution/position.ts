import type { Segment } from './json-writer.ts';
import type { FieldPlan } from './selection-plan.ts';

export type Key = string | number;

/** Position of an object or a list in the result. The root object of the result has no parent. */
export class Position {
  readonly parent: Position | null;
  /** Key of the object or list in its parent. */
  readonly key: Key;
  /** The field that returned the object or list; null for the root. */
  readonly field: FieldPlan | null;
  readonly isNonNull: boolean;
  /** Number of fields and items, at any depth, whose values are awaited. */
  pending = 0;
  /** Whether null has replaced the object or list, so that its content is not part of the result. */
  isDiscarded = false;
  /** The text that contains the object or list, from `#start` to `end`. */
  readonly #segment: Segment;
  readonly #start: number;
  end = 0;

  constructor(
    segment: Segment,
    start: number,
    parent: Position | null,
    key: Key,
    field: FieldPlan | null,
    isNonNull: boolean,
  ) {
    this.#segment = segment;
    this.#start = start;
    this.parent = parent;
    this.key = key;
    this.field = field;
    this.isNonNull = isNonNull;
  }

  /** Replaces the object or list by null, and discards it. */
  replaceByNull(): void {
    this.discard();
    if (this.parent !== null) this.#segment.cut(this.#start, this.end);
  }

  /** Counts a value that is awaited in the object or list. */
  expect(): void {
    for (let each: Position | null = this; each !== null; each = each.parent) each.pending += 1;
  }

  /** Ends a wait that `expect` started. Positions above a discarded position do not count it. */
  release(): void {
    for (let each: Position | null = this; each !== null && !each.isDiscarded; each = each.parent) each.pending -= 1;
  }

  /** Marks the content of this position as not part of the result, so that the execution does not wait for it. */
  discard(): void {
    this.isDiscarded = true;
    for (let each = this.parent; each !== null; each = each.parent) each.pending -= this.pending;
    this.pending = 0;
  }

  /** Whether null has replaced the object or list, or an object or list around it. */
  isUnwanted(): boolean {
    for (let each: Position | null = this; each !== null; each = each.parent) if (each.isDiscarded) return true;
    return false;
  }

  /** Position that becomes null if a non-nullable value in it is null: this position, or a position around it. */
  nullable(): Position {
    let each: Position = this;
    while (each.isNonNull && each.parent !== null) each = each.parent;
    return each;
  }

  /** Response path of a value in the object or list. */
  pathOf(key: Key): Key[] {
    const keys = [key];
    for (let each: Position = this; each.parent !== null; each = each.parent) keys.push(each.key);
    return keys.reverse();
  }
}
