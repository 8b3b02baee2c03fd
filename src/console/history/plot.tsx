import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { formatDuration, formatFull } from '../app/format.ts';
import { useColorScheme } from '../app/use-color-scheme.ts';
import { texts } from '../texts.ts';
import { formatTick } from './format-tick.ts';
import { plotDataOf } from './plot-data.ts';
import type { ExpectedRun } from './runs.ts';

/** Height of the plot, in pixels. */
const height = 300;
const font = '12px system-ui, sans-serif';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** Distances between the marks of the axis of durations, in milliseconds. */
const distances = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((count) => count * second),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * minute),
  ...[1, 2, 3, 6, 12, 24, 48, 96, 240].map((count) => count * hour),
];

export interface PlotProps {
  /** Newest first. */
  readonly runs: readonly ExpectedRun[];
  readonly label: string;
}

/** Durations over time with the band of the expectation. Screen readers use the table with the same values. */
export function Plot({ runs, label }: PlotProps) {
  const element = useRef<HTMLDivElement>(null);
  const scheme = useColorScheme();
  // biome-ignore lint/correctness/useExhaustiveDependencies: other colors need another drawing
  useEffect(() => {
    const parent = element.current;
    if (parent === null) return undefined;
    const { times, likely, latest, succeeded, failed, cancelled } = plotDataOf(runs);
    const data: uPlot.AlignedData = [times, likely, latest, succeeded, failed, cancelled];
    // Without a pointer, the values of the newest run are shown.
    const showNewest = (shown: uPlot) => shown.setLegend({ idx: times.length - 1 });
    const options = { ...optionsOf(parent), width: parent.clientWidth, height, hooks: { ready: [showNewest] } };
    const plot = new uPlot(options, data, parent);
    plot.over.addEventListener('mouseleave', () => showNewest(plot));
    const observer = new ResizeObserver(() => plot.setSize({ width: parent.clientWidth, height }));
    observer.observe(parent);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [runs, scheme]);
  return <div ref={element} className="plot" role="img" aria-label={label} />;
}

function optionsOf(parent: HTMLElement): Omit<uPlot.Options, 'width' | 'height'> {
  const color = colorsOf(parent);
  const { names } = texts.history.outcomes;
  const words = texts.history.plot;
  const duration = (_: uPlot, value: number | null) => (value === null ? texts.time.none : formatDuration(value));
  const line = (label: string): uPlot.Series => ({
    label,
    stroke: color('--plot-band-line'),
    width: 1,
    dash: [4, 4],
    spanGaps: true,
    points: { show: false },
    value: duration,
  });
  // Runs without success are circles, so that the difference is visible without colors.
  const dots = (label: string, token: string, fill: string): uPlot.Series => ({
    label,
    stroke: color(token),
    // Only the marks: a line between runs would show durations that no run had.
    paths: () => null,
    points: { show: true, size: 8, width: 2, fill: color(fill), stroke: color(token) },
    value: duration,
  });
  const axis: uPlot.Axis = {
    stroke: color('--muted'),
    font,
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    padding: [12, 12, 0, 0],
    cursor: { drag: { x: false, y: false }, points: { size: 12, width: 2 } },
    scales: { x: { range: withMargin }, y: { range: (_, __, max) => [0, Math.max(second, max * 1.12)] } },
    series: [
      {
        label: words.time,
        value: (_, value: number | null) =>
          value === null ? texts.time.none : formatFull(new Date(value * 1_000).toISOString()),
      },
      line(words.likely),
      line(words.latest),
      dots(names.succeeded, '--plot-succeeded', '--plot-succeeded'),
      dots(names.failed, '--plot-failed', '--surface'),
      dots(names.cancelled, '--plot-cancelled', '--surface'),
    ],
    bands: [{ series: [2, 1], fill: color('--plot-band') }],
    axes: [
      {
        ...axis,
        space: 90,
        size: 34,
        values: (_, splits) => splits.map((at, index) => formatTick(at, splits[index - 1])),
      },
      {
        ...axis,
        size: 78,
        incrs: distances,
        values: (_, splits) => splits.map((ms) => (ms === 0 ? '0' : formatDuration(ms))),
      },
    ],
  };
}

/** Marks of the first and last run are not cut off. A single run is in the middle. */
function withMargin(_: uPlot, min: number, max: number): [number, number] {
  const margin = Math.max(60, (max - min) * 0.015);
  return [min - margin, max + margin];
}

/** Colors of the page as values that a canvas understands. */
function colorsOf(parent: HTMLElement): (token: string) => string {
  return (token) => {
    const probe = document.createElement('span');
    probe.style.color = `var(${token})`;
    parent.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
}
