import { asRecord } from './readers.ts';

/**
 * Reads a count, a size, a time or a reason of an object. The platform's documentation shows them among the other
 * properties of an object, under one name; real responses have them in its `metrics`, under one of several names.
 * Returns the first value that `read` can use; −1 stands for an unknown count.
 * @param name the documented name, at both levels
 * @param others further names within the metrics
 */
export type ReadFigure = <Value>(
  read: (value: unknown) => Value | null,
  name: string,
  ...others: readonly string[]
) => Value | null;

/** @param object its `metrics` have precedence over its other properties */
export function figuresOf(object: unknown): ReadFigure {
  const own = asRecord(object);
  const metrics = asRecord(own?.['metrics']);
  return (read, name, ...others) => {
    if (metrics !== null) {
      const named = metrics[name];
      const first = named === undefined ? null : read(named);
      if (first !== null) return first;
      for (const other of others) {
        const value = metrics[other];
        const figure = value === undefined ? null : read(value);
        if (figure !== null) return figure;
      }
    }
    const value = own?.[name];
    return value === undefined ? null : read(value);
  };
}
