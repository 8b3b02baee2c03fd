import { formatChange, formatCount } from '../app/format.ts';
import { texts } from '../texts.ts';
import { Panel } from '../ui/panel.tsx';
import type { Job } from './job-feed.ts';

export interface NamespacesProps {
  readonly profiles: Job['metrics']['exportedProfilesByNamespace'];
  readonly comparison: Job['comparison'];
  readonly hint: string;
}

/** Profiles per identity namespace as bars, with the change against the previous run. Nothing before they are known. */
export function Namespaces({ profiles: ofNamespaces, comparison, hint }: NamespacesProps) {
  const counts = ofNamespaces.toSorted((one, other) => other.count - one.count);
  const largest = Math.max(1, ...counts.map(({ count }) => count));
  const changes = new Map(
    (comparison?.profilesChangeByNamespace ?? []).map(({ namespace, count }) => [namespace, count]),
  );
  if (counts.length === 0) return null;
  const { title, namespace, profiles, change } = texts.job.namespaces;
  return (
    <Panel title={title} hint={hint}>
      <table className="bars">
        <thead>
          <tr>
            <th scope="col" className="bars-head">
              {namespace}
            </th>
            <td aria-hidden="true" />
            <th scope="col" className="bars-head cell-number">
              {profiles}
            </th>
            {changes.size > 0 && (
              <th scope="col" className="bars-head cell-number">
                {change}
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {counts.map(({ namespace: name, count }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td className="bar-cell" aria-hidden="true">
                <span className="bar" style={{ width: `${(count / largest) * 100}%` }} />
              </td>
              <td className="cell-number">{formatCount(count)}</td>
              {changes.size > 0 && <td className="cell-number muted">{formatChange(changes.get(name) ?? 0)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
