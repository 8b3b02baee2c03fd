import { ProgressBar } from 'react-aria-components/ProgressBar';

export interface ProgressProps {
  readonly label: string;
  /** From 0 to 1; null: unknown. */
  readonly value: number | null;
  readonly tone: 'running' | 'late' | 'good' | 'bad' | 'neutral';
}

export const Progress = ({ label, value, tone }: ProgressProps) => (
  <ProgressBar
    aria-label={label}
    className={`progress progress-${tone}`}
    {...(value === null ? { isIndeterminate: true } : { value: value * 100 })}
  >
    {({ percentage }) => (
      <span className="progress-track">
        <span
          className={percentage === undefined ? 'progress-fill progress-unknown' : 'progress-fill'}
          style={percentage === undefined ? undefined : { width: `${percentage}%` }}
        />
      </span>
    )}
  </ProgressBar>
);
