import type { Row } from './measure.ts';

/**
 * Formats the rows as a Markdown table. "Less CPU" compares the total CPU of the two servers. "of plain" is the
 * gateway's CPU without polling rounds, relative to the plain server's CPU.
 */
export function table(rows: readonly Row[]): string {
  const head =
    '| subscribers | server | messages | CPU µs per message | less CPU | polling µs | of plain | RSS KiB per idle subscriber | heap KiB | p50 ms | p99 ms | calls per minute |';
  const lines = rows.map((row) => {
    const { cpuMicrosPerMessage, pollMicrosPerMessage } = row;
    const plain = rows.find(({ server, subscribers }) => server === 'plain' && subscribers === row.subscribers);
    const compared = row.server === 'plain' || plain === undefined ? null : plain.cpuMicrosPerMessage;
    const cells = [
      row.subscribers.toLocaleString('en'),
      row.server,
      row.messages.toLocaleString('en'),
      cpuMicrosPerMessage.toFixed(1),
      compared === null ? '' : `${(compared / cpuMicrosPerMessage).toFixed(2)} ×`,
      pollMicrosPerMessage?.toFixed(1) ?? '',
      compared === null || pollMicrosPerMessage === null
        ? ''
        : `${((cpuMicrosPerMessage - pollMicrosPerMessage) / compared).toFixed(2)} ×`,
      ...(row.subscribers < fewSubscribers
        ? ['', '']
        : [kib(row.residentBytesPerSubscriber), kib(row.heapBytesPerSubscriber)]),
      row.p50Ms ?? '',
      row.p99Ms ?? '',
      row.callsPerMinute?.toFixed(0) ?? '',
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [head, head.replaceAll(/[^|]+/g, ' --- '), ...lines].join('\n');
}

/** Below this number of subscribers, the memory of a process varies by more than the subscribers use. */
const fewSubscribers = 1_000;
const kib = (bytes: number): string => (bytes / 1_024).toFixed(1);

const [width, height, margin] = [640, 360, 56];
const colours = { gateway: '#0a7', plain: '#c50' } as const;

/** Plots CPU per message over the number of subscribers, with both axes logarithmic. */
export function plot(rows: readonly Row[]): string {
  const xs = rows.map(({ subscribers }) => Math.log10(subscribers));
  const ys = rows.map(({ cpuMicrosPerMessage }) => Math.log10(cpuMicrosPerMessage));
  const [right, top] = [Math.max(...xs, 1), Math.ceil(Math.max(...ys))];
  const x = (value: number) => margin + (value / right) * (width - 2 * margin);
  const y = (value: number) => height - margin - (value / top) * (height - 2 * margin);
  const text = (left: number, at: number, words: string, anchor = 'middle') =>
    `<text x="${left.toFixed(1)}" y="${at.toFixed(1)}" text-anchor="${anchor}">${words}</text>`;
  const ticks = Array.from({ length: top + 1 }, (_, power) => [
    `<line x1="${margin}" x2="${width - margin}" y1="${y(power).toFixed(1)}" y2="${y(power).toFixed(1)}" stroke="#ddd"/>`,
    text(margin - 8, y(power) + 4, (10 ** power).toLocaleString('en'), 'end'),
  ]).flat();
  const marks = [...new Set(rows.map(({ subscribers }) => subscribers))].map((count) =>
    text(x(Math.log10(count)), height - margin + 20, count.toLocaleString('en')),
  );
  const lines = (['gateway', 'plain'] as const).flatMap((server, index) => {
    const points = rows
      .filter((row) => row.server === server)
      .map(
        (row) => `${x(Math.log10(row.subscribers)).toFixed(1)},${y(Math.log10(row.cpuMicrosPerMessage)).toFixed(1)}`,
      );
    return [
      `<polyline fill="none" stroke="${colours[server]}" stroke-width="2" points="${points.join(' ')}"/>`,
      `<text x="${width - margin}" y="${margin - 30 + index * 16}" text-anchor="end" fill="${colours[server]}">${server}</text>`,
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    '<title>CPU per message over the number of subscribers</title>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(margin, margin - 22, 'CPU per message, µs', 'start'),
    text(width / 2, height - 10, 'subscribers'),
    ...ticks,
    ...marks,
    ...lines,
    '</svg>\n',
  ].join('\n');
}
