import type { Metric, Registry } from 'prom-client';

export type LabelValue = string | number;

/** A label, with the type of its values. */
export interface Label<Value extends LabelValue> {
  /** Absent: only the type is used. */
  readonly value?: Value;
}

/** Declares a label. Its values are few: none contains an id, a tenant or a text of a client. */
export const label = <Value extends LabelValue>(): Label<Value> => ({});

type LabelTypes = Readonly<Record<string, Label<LabelValue>>>;
/** The values of the labels of one observation. */
export type LabelValues<Types extends LabelTypes> = {
  readonly [Name in keyof Types]: Types[Name] extends Label<infer Value> ? Value : never;
};

interface Definition<Types extends LabelTypes> {
  /** Begins with `aep_`. A counter ends with `_total`, and other names with their unit. */
  readonly name: string;
  readonly help: string;
  readonly labels: Types;
}

/** The value of one time series. */
export interface Sample<Types extends LabelTypes> {
  readonly labels: LabelValues<Types>;
  readonly value: number;
}

interface Series {
  readonly labels: Readonly<Record<string, LabelValue>>;
  value: number;
}

interface HistogramSeries {
  readonly labels: Readonly<Record<string, LabelValue>>;
  /** The number of observations in each bucket. */
  readonly counts: number[];
  sum: number;
}

/**
 * Declares the metrics of the gateway: name, help, labels, and the function that reports. prom-client sorts, checks and
 * joins the labels of each observation, which took longer than all other layers of a platform call together. Numbers
 * are therefore kept here, and handed to prom-client when they are read.
 */
export class MetricDefinitions {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** @returns the function that adds to the counter, 1 by default */
  counter<const Types extends LabelTypes>(
    definition: Definition<Types>,
  ): (labels: LabelValues<Types>, by?: number) => void {
    const series = this.#series('counter', definition);
    return (labels, by = 1) => {
      series.of(labels).value += by;
    };
  }

  /** @returns the function that adds to the gauge, or subtracts from it */
  gauge<const Types extends LabelTypes>(
    definition: Definition<Types>,
  ): (labels: LabelValues<Types>, by: number) => void {
    const series = this.#series('gauge', definition);
    return (labels, by) => {
      series.of(labels).value += by;
    };
  }

  /** A gauge whose values are read at the time of each request. */
  readGauge<const Types extends LabelTypes>(definition: Definition<Types>, read: () => Iterable<Sample<Types>>): void {
    this.#register('gauge', definition, () => [...read()]);
  }

  /** A counter whose values are kept elsewhere, and read at the time of each request. They never decrease. */
  readCounter<const Types extends LabelTypes>(
    definition: Definition<Types>,
    read: () => Iterable<Sample<Types>>,
  ): void {
    this.#register('counter', definition, () => [...read()]);
  }

  /** @returns the function that observes a value */
  histogram<const Types extends LabelTypes>(
    definition: Definition<Types> & {
      /** Upper bounds, in ascending order. The last bucket has no bound. */
      readonly buckets: readonly number[];
    },
  ): (labels: LabelValues<Types>, value: number) => void {
    const { name, buckets } = definition;
    const all = new SeriesIndex<Types, HistogramSeries>(definition.labels, (labels) => {
      return { labels, counts: [...buckets, 0].map(() => 0), sum: 0 };
    });
    this.#register('histogram', definition, () =>
      all.series.flatMap((series) => histogramSamples(name, buckets, series)),
    );
    return (labels, value) => {
      const series = all.of(labels);
      let bucket = 0;
      while (bucket < buckets.length && value > (buckets[bucket] ?? 0)) bucket += 1;
      series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
      series.sum += value;
    };
  }

  #series<Types extends LabelTypes>(
    type: 'counter' | 'gauge',
    definition: Definition<Types>,
  ): SeriesIndex<Types, Series> {
    const all = new SeriesIndex<Types, Series>(definition.labels, (labels) => ({ labels, value: 0 }));
    // A metric without labels is reported from the start, so that its first change is visible. Its type has no members.
    if (Object.keys(definition.labels).length === 0) all.of({} as LabelValues<Types>);
    this.#register(type, definition, () => [...all.series]);
    return all;
  }

  #register(type: string, { name, help, labels }: Definition<LabelTypes>, read: () => readonly object[]): void {
    const metric = {
      name,
      help,
      type,
      labelNames: Object.keys(labels),
      aggregator: 'sum',
      get: async () => ({ name, help, type, aggregator: 'sum', values: read() }),
      reset: () => {},
    };
    // The type of prom-client has its own classes only. Its registry reads these members of any metric.
    this.#registry.registerMetric(metric as unknown as Metric);
  }
}

/** Series by the value of one label. The next label has a level of its own for each value. */
interface Level<Each> {
  /** The series, at the level after the last label. */
  series: Each | null;
  readonly next: Map<LabelValue, Level<Each>>;
}

const emptyLevel = <Each>(): Level<Each> => ({ series: null, next: new Map() });

/** The series of one metric by the values of their labels. A report looks up each value, and makes no text of them. */
class SeriesIndex<Types extends LabelTypes, Each> {
  readonly series: Each[] = [];
  readonly #types: Types;
  readonly #create: (labels: Series['labels']) => Each;
  readonly #root = emptyLevel<Each>();

  constructor(types: Types, create: (labels: Series['labels']) => Each) {
    this.#types = types;
    this.#create = create;
  }

  /** The series of these labels. It is created for its first report. */
  of(labels: LabelValues<Types>): Each {
    let level = this.#root;
    for (const name in this.#types) {
      const value: LabelValue = labels[name];
      let next = level.next.get(value);
      if (next === undefined) {
        next = emptyLevel();
        level.next.set(value, next);
      }
      level = next;
    }
    if (level.series === null) {
      level.series = this.#create(copyOf(this.#types, labels));
      this.series.push(level.series);
    }
    return level.series;
  }
}

/** Only the declared labels, because a report may have other members. */
const copyOf = <Types extends LabelTypes>(
  types: Types,
  labels: LabelValues<Types>,
): Readonly<Record<string, LabelValue>> =>
  Object.fromEntries(Object.keys(types).map((name) => [name, labels[name] ?? '']));

/** The samples of one series, as the histograms of Prometheus have them: each bucket contains all smaller ones. */
function histogramSamples(name: string, buckets: readonly number[], { labels, counts, sum }: HistogramSeries) {
  let total = 0;
  const samples = counts.map((count, index) => {
    total += count;
    return { metricName: `${name}_bucket`, labels: { le: buckets[index] ?? '+Inf', ...labels }, value: total };
  });
  return [
    ...samples,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: total },
  ];
}
