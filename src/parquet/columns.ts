import type { ScalarType } from './scalar-type.ts';
import type { Field, Schema, Shape } from './schema.ts';

/** A column of a file as a reader of its rows sees it. */
export interface ParquetColumn {
  /** Names of the fields from the root to the value, joined by dots, as in the `fields` of an export. */
  readonly name: string;
  /**
   * Type of the value: `string`, `integer`, `date-time`, … In a list it is `array<TYPE>`, in a map `map<TYPE>`, from the
   * outside to the inside.
   */
  readonly type: string;
  /** Whether the value or an object around it can be null. */
  readonly nullable: boolean;
}

/** The columns with values, in the order of the schema. Keys of maps are no column. */
export const columnsOf = ({ fields }: Schema): readonly ParquetColumn[] =>
  fields.flatMap((field) => columnsOfField(field, { path: '', wrap: (type) => type, nullable: false }));

/** Context of a field in its schema. */
interface Surroundings {
  readonly path: string;
  readonly wrap: (type: string) => string;
  readonly nullable: boolean;
}

function columnsOfField({ name, shape, nullable }: Field, around: Surroundings): readonly ParquetColumn[] {
  const path = around.path === '' ? name : `${around.path}.${name}`;
  return columnsOfShape(shape, { ...around, path, nullable: around.nullable || nullable });
}

function columnsOfShape(shape: Shape, around: Surroundings): readonly ParquetColumn[] {
  const { path, wrap, nullable } = around;
  switch (shape.kind) {
    case 'scalar':
      return [{ name: path, type: wrap(typeName(shape.leaf.scalar)), nullable }];
    case 'struct':
      return shape.fields.flatMap((field) => columnsOfField(field, around));
    case 'list':
      return columnsOfShape(shape.item, { path, wrap: (type) => wrap(`array<${type}>`), nullable });
    case 'map':
      return columnsOfShape(shape.value, { path, wrap: (type) => wrap(`map<${type}>`), nullable });
  }
}

/** Names of XDM where it has one. */
function typeName(scalar: ScalarType): string {
  switch (scalar.kind) {
    case 'integer':
      return integerName(scalar);
    case 'decimal':
      return `decimal(${scalar.precision},${scalar.scale})`;
    case 'timestamp':
      return 'date-time';
    case 'interval':
      return 'duration';
    case 'float16':
      return 'float';
    case 'boolean':
    case 'float':
    case 'double':
    case 'string':
    case 'binary':
    case 'uuid':
    case 'date':
    case 'time':
    case 'null':
      return scalar.kind;
  }
}

function integerName({ bits, signed }: Extract<ScalarType, { kind: 'integer' }>): string {
  const name = ({ 8: 'byte', 16: 'short', 32: 'integer', 64: 'long' } as const)[bits];
  return signed ? name : `unsigned ${name}`;
}
