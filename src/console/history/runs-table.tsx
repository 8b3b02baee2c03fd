import { Link } from 'react-aria-components/Link';
import { formatChange, formatCount, formatDuration, formatFull, formatMoment } from '../app/format.ts';
import { useNames } from '../app/use-name.ts';
import { useNow } from '../app/use-now.ts';
import { texts } from '../texts.ts';
import { StatusPill } from '../ui/status-pill.tsx';
import { type ExpectedRun, isLate } from './runs.ts';

export interface RunsTableProps {
  /** Newest first. */
  readonly runs: readonly ExpectedRun[];
  readonly pathOf: (platformId: string) => string;
}

/** The runs with all values of the plot, and with the changes against their previous runs. */
export function RunsTable({ runs, pathOf }: RunsTableProps) {
  const words = texts.history.table;
  return (
    <>
      {/* Only a part that has the focus can be scrolled with the keyboard. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above */}
      <section className="runs-scroll" tabIndex={0} aria-label={words.label}>
        <table className="runs-table">
          <thead>
            <tr>
              <th scope="col">{words.run}</th>
              <th scope="col">{words.outcome}</th>
              <th scope="col" className="cell-number">
                {words.duration}
              </th>
              <th scope="col" className="cell-number">
                {words.expected}
              </th>
              <th scope="col" className="cell-number">
                {words.profiles}
              </th>
              <th scope="col">{words.changes}</th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <RunRow key={run.id} run={run} path={pathOf(run.platformId)} />
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

function RunRow({ run, path }: { readonly run: ExpectedRun; readonly path: string }) {
  const now = useNow();
  const words = texts.history.table;
  const { platformId, createdAt, status, totalMs, expected, profiles, comparison } = run;
  return (
    <tr>
      <th scope="row">
        <Link href={path} className="run-link">
          {platformId}
        </Link>
        <time className="run-note" dateTime={createdAt} title={formatFull(createdAt)}>
          {formatMoment(createdAt, now)}
        </time>
      </th>
      <td>
        <StatusPill status={status} />
      </td>
      <td className="cell-number">
        {totalMs === null ? texts.time.none : formatDuration(totalMs)}
        {isLate(run) && <span className="run-note run-late">{words.late}</span>}
      </td>
      <td className="cell-number muted">
        {expected === null
          ? texts.time.none
          : words.range(formatDuration(expected.likelyMs), formatDuration(expected.latestMs))}
      </td>
      <td className="cell-number">
        {formatCount(profiles)}
        {comparison !== null && comparison.profilesChange !== null && (
          <span className="run-note">{formatChange(comparison.profilesChange)}</span>
        )}
      </td>
      <td>{comparison === null ? <span className="muted">{words.unknown}</span> : <Changes changes={comparison} />}</td>
    </tr>
  );
}

/** Changes of namespaces and segments. */
function Changes({ changes }: { readonly changes: NonNullable<ExpectedRun['comparison']> }) {
  const words = texts.history.table;
  const added = useNames('SegmentDefinition', changes.segmentsAdded);
  const removed = useNames('SegmentDefinition', changes.segmentsRemoved);
  const namespaces = changes.profilesChangeByNamespace.filter(({ count }) => count !== 0);
  const lines = [
    ...(namespaces.length === 0
      ? []
      : [namespaces.map(({ namespace, count }) => words.namespace(namespace, formatChange(count))).join(', ')]),
    ...(added.length === 0 ? [] : [words.added(added.join(', '))]),
    ...(removed.length === 0 ? [] : [words.removed(removed.join(', '))]),
  ];
  if (lines.length === 0) return <span className="muted">{words.none}</span>;
  return lines.map((line) => (
    <span key={line} className="run-change">
      {line}
    </span>
  ));
}
