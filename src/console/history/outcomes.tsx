import { formatCount } from '../app/format.ts';
import { texts } from '../texts.ts';
import { countOutcomes, type ExpectedRun, outcomes } from './runs.ts';

const percents = new Intl.NumberFormat('en-US', { style: 'percent', maximumFractionDigits: 0 });

export const formatShare = (count: number, all: number): string => percents.format(all === 0 ? 0 : count / all);

/** Shares of the outcomes as one bar, with their numbers. */
export function OutcomeRates({ runs }: { readonly runs: readonly ExpectedRun[] }) {
  const counts = countOutcomes(runs);
  const present = outcomes.filter((name) => counts[name] > 0);
  const words = texts.history.outcomes;
  return (
    <>
      <div className="outcome-bar" aria-hidden="true">
        {present.map((name) => (
          <span key={name} className={`outcome-part outcome-${name}`} style={{ flexGrow: counts[name] }} />
        ))}
      </div>
      <dl className="outcome-names">
        {present.map((name) => (
          <div key={name} className="outcome-name">
            <dt>
              <span className={`outcome-dot outcome-${name}`} aria-hidden="true" />
              {words.names[name]}
            </dt>
            <dd>{words.share(formatShare(counts[name], runs.length), formatCount(counts[name]))}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
