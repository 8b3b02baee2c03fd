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
      seriesOf(series, definition.labels, labels).value += by;
    };
  }

  /** @returns the function that adds to the gauge, or subtracts from it */
  gauge<const Types extends LabelTypes>(
    definition: Definition<Types>,
  ): (labels: LabelValues<Types>, by: number) => void {
    const series = this.#series('gauge', definition);
    return (labels, by) => {
      seriesOf(series, definition.labels, labels).value += by;
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
    const all = new Map<string, HistogramSeries>();
    this.#register('histogram', definition, () =>
      [...all.values()].flatMap((series) => histogramSamples(name, buckets, series)),
    );
    return (labels, value) => {
      const key = keyOf(definition.labels, labels);
      let series = all.get(key);
      if (series === undefined) {
        series = { labels: copyOf(definition.labels, labels), counts: [...buckets, 0].map(() => 0), sum: 0 };
        all.set(key, series);
      }
      let bucket = 0;
      while (bucket < buckets.length && value > (buckets[bucket] ?? 0)) bucket += 1;
      series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
      series.sum += value;
    };
  }

  #series<Types extends LabelTypes>(type: 'counter' | 'gauge', definition: Definition<Types>): Map<string, Series> {
    const series = new Map<string, Series>();
    // A metric without labels is reported from the start, so that its first change is visible.
    if (Object.keys(definition.labels).length === 0) series.set('', { labels: {}, value: 0 });
    this.#register(type, definition, () => [...series.values()]);
    return series;
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

function seriesOf<Types extends LabelTypes>(
  series: Map<string, Series>,
  types: Types,
  labels: LabelValues<Types>,
): Series {
  const key = keyOf(types, labels);
  const known = series.get(key);
  if (known !== undefined) return known;
  const created = { labels: copyOf(types, labels), value: 0 };
  series.set(key, created);
  return created;
}

function keyOf<Types extends LabelTypes>(types: Types, labels: LabelValues<Types>): string {
  let key = '';
  for (const name in types) key += `${labels[name]}\n`;
  return key;
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
