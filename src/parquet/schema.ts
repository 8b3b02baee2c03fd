import { maxSchemaDepth, maxSchemaNodes } from './limits.ts';
import type { ConvertedType, PhysicalType, Repetition } from './names.ts';
import { malformed, tooLarge, unsupported } from './parquet-error.ts';
import { type LogicalType, type ScalarType, scalarTypeOf } from './scalar-type.ts';

/** One entry of the flat list in which a file states its schema. A parent precedes its children. */
export interface SchemaElement {
  readonly name: string;
  /** Null for a group. */
  readonly physical: PhysicalType | null;
  readonly typeLength: number;
  readonly repetition: Repetition;
  readonly children: number;
  readonly converted: ConvertedType | null;
  readonly logical: LogicalType | null;
  readonly scale: number;
  readonly precision: number;
}

/** A column with values of its own. */
export interface Leaf {
  /** Position among the columns of a row group. */
  readonly index: number;
  readonly physical: PhysicalType;
  readonly typeLength: number;
  readonly scalar: ScalarType;
  /** Definition level of a value that is not null. */
  readonly maxDefinition: number;
  /** Number of lists and maps around the value. */
  readonly maxRepetition: number;
}

/**
 * A value of the schema in terms of JSON. A value is null if the definition level of its first column is below
 * `definition`.
 */
export type Shape =
  | { readonly kind: 'scalar'; readonly leaf: Leaf; readonly definition: number; readonly first: Leaf }
  | {
      readonly kind: 'struct';
      readonly definition: number;
      readonly fields: readonly Field[];
      readonly first: Leaf;
      readonly leaves: readonly Leaf[];
    }
  | {
      readonly kind: 'list';
      readonly definition: number;
      /** The list is empty if the definition level is below this one. */
      readonly itemDefinition: number;
      /** Each further element has this repetition level. */
      readonly repetition: number;
      readonly item: Shape;
      readonly first: Leaf;
      readonly leaves: readonly Leaf[];
    }
  | {
      readonly kind: 'map';
      readonly definition: number;
      readonly itemDefinition: number;
      readonly repetition: number;
      readonly key: Shape;
      readonly value: Shape;
      readonly first: Leaf;
      readonly leaves: readonly Leaf[];
    };

export interface Field {
  readonly name: string;
  /** The name as the key of a JSON object, with its colon. */
  readonly key: string;
  readonly shape: Shape;
  readonly nullable: boolean;
}

export interface Schema {
  readonly fields: readonly Field[];
  readonly leaves: readonly Leaf[];
}

/** A node of the tree that the flat list describes. */
interface Node {
  readonly element: SchemaElement;
  readonly children: readonly Node[];
}

/** Levels at a position in the schema. */
interface Levels {
  readonly definition: number;
  readonly repetition: number;
}

/**
 * Builds the schema from its flat list.
 * @throws {ParquetError} the list is no tree, is too deep or too long, or has two fields of one name in one object
 */
export function buildSchema(elements: readonly SchemaElement[]): Schema {
  if (elements.length > maxSchemaNodes) throw tooLarge(`The schema has more than ${maxSchemaNodes} nodes.`);
  const root = treeOf(elements);
  const leaves: Leaf[] = [];
  const fields = fieldsOf(root.children, { definition: 0, repetition: 0 }, leaves);
  if (leaves.length === 0) throw unsupported('The schema has no columns.');
  return { fields, leaves };
}

function treeOf(elements: readonly SchemaElement[]): Node {
  let position = 0;
  const next = (depth: number): Node => {
    const element = elements[position];
    if (element === undefined) throw malformed('The schema is cut off.');
    if (depth > maxSchemaDepth) throw tooLarge(`The schema is nested deeper than ${maxSchemaDepth}.`);
    position += 1;
    if (element.physical !== null && element.children > 0) throw malformed('A column of the schema has children.');
    // The bound on the elements bounds the loop as well.
    const children: Node[] = [];
    for (let index = 0; index < element.children; index++) children.push(next(depth + 1));
    return { element, children };
  };
  const root = next(0);
  if (position !== elements.length) throw malformed('The schema has nodes outside its tree.');
  return root;
}

function fieldsOf(nodes: readonly Node[], levels: Levels, leaves: Leaf[]): readonly Field[] {
  const names = new Set<string>();
  return nodes.map((node) => {
    const { name } = node.element;
    if (names.has(name)) throw malformed('An object of the schema has two fields of one name.');
    names.add(name);
    return fieldOf(node, levels, leaves);
  });
}

const fieldOf = (node: Node, levels: Levels, leaves: Leaf[]): Field => ({
  name: node.element.name,
  key: `${JSON.stringify(node.element.name)}:`,
  shape: shapeOf(node, levels, leaves),
  nullable: node.element.repetition === 'OPTIONAL',
});

function shapeOf(node: Node, { definition, repetition }: Levels, leaves: Leaf[]): Shape {
  switch (node.element.repetition) {
    case 'REQUIRED':
      return presentShape(node, { definition, repetition }, leaves);
    case 'OPTIONAL':
      return presentShape(node, { definition: definition + 1, repetition }, leaves);
    case 'REPEATED': {
      // A repeated field without an annotation is a list that is never null.
      const inner = { definition: definition + 1, repetition: repetition + 1 };
      return listOf({ definition, inner }, () => presentShape(node, inner, leaves), leaves);
    }
  }
}

/** The shape of a node whose own repetition the levels already contain. */
function presentShape(node: Node, levels: Levels, leaves: Leaf[]): Shape {
  const { element, children } = node;
  if (element.physical !== null) {
    const leaf: Leaf = {
      index: leaves.length,
      physical: element.physical,
      typeLength: element.typeLength,
      scalar: scalarTypeOf({ ...element, physical: element.physical }),
      maxDefinition: levels.definition,
      maxRepetition: levels.repetition,
    };
    leaves.push(leaf);
    return { kind: 'scalar', leaf, definition: levels.definition, first: leaf };
  }
  const [only] = children;
  if (children.length === 1 && only?.element.repetition === 'REPEATED') {
    const kind = element.logical?.kind ?? element.converted;
    const inner = { definition: levels.definition + 1, repetition: levels.repetition + 1 };
    if (kind === 'LIST') {
      const { definition } = levels;
      return listOf({ definition, inner }, () => itemOf(only, element.name, inner, leaves), leaves);
    }
    if ((kind === 'MAP' || kind === 'MAP_KEY_VALUE') && only.children.length === 2) {
      return mapOf(only.children, { definition: levels.definition, inner }, leaves);
    }
  }
  const start = leaves.length;
  const fields = fieldsOf(children, levels, leaves);
  const first = leaves[start];
  if (first === undefined) throw unsupported('The schema has an object without fields.');
  return { kind: 'struct', definition: levels.definition, fields, first, leaves: leaves.slice(start) };
}

/**
 * The element of a list. In files of older writers the repeated node is the element itself (rules for backward
 * compatibility in LogicalTypes.md of apache/parquet-format).
 */
function itemOf(repeated: Node, listName: string, levels: Levels, leaves: Leaf[]): Shape {
  const { element, children } = repeated;
  const [only] = children;
  const isElement =
    only === undefined ||
    children.length > 1 ||
    only.element.repetition === 'REPEATED' ||
    element.name === 'array' ||
    element.name === `${listName}_tuple`;
  return isElement ? presentShape(repeated, levels, leaves) : shapeOf(only, levels, leaves);
}

/** Levels of a list or map: of itself, and of an element. */
interface RepeatedLevels {
  readonly definition: number;
  readonly inner: Levels;
}

function listOf({ definition, inner }: RepeatedLevels, readItem: () => Shape, leaves: Leaf[]): Shape {
  const start = leaves.length;
  const item = readItem();
  return {
    kind: 'list',
    definition,
    itemDefinition: inner.definition,
    repetition: inner.repetition,
    item,
    first: item.first,
    leaves: leaves.slice(start),
  };
}

function mapOf(entry: readonly Node[], { definition, inner }: RepeatedLevels, leaves: Leaf[]): Shape {
  const [keyNode, valueNode] = entry;
  if (keyNode === undefined || valueNode === undefined) throw malformed('A map of the schema has no value.');
  const start = leaves.length;
  const key = shapeOf(keyNode, inner, leaves);
  if (key.kind !== 'scalar') throw unsupported('The schema has a map whose keys are no single values.');
  const value = shapeOf(valueNode, inner, leaves);
  return {
    kind: 'map',
    definition,
    itemDefinition: inner.definition,
    repetition: inner.repetition,
    key,
    value,
    first: key.first,
    leaves: leaves.slice(start),
  };
}
