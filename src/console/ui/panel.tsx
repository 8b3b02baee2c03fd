import { type ReactNode, useId } from 'react';
import '../styles/panel.css';

export interface PanelProps {
  readonly title: string;
  readonly hint?: string | undefined;
  readonly tone?: 'bad' | undefined;
  readonly children: ReactNode;
}

/** A titled part of a page. */
export function Panel({ title, hint, tone, children }: PanelProps) {
  const id = useId();
  return (
    <section className={tone === 'bad' ? 'card panel panel-bad' : 'card panel'} aria-labelledby={id}>
      <div className="panel-head">
        <h2 id={id}>{title}</h2>
        {hint !== undefined && <p className="muted">{hint}</p>}
      </div>
      {children}
    </section>
  );
}

/** Names and values. */
export const Facts = ({ children }: { readonly children: ReactNode }) => <dl className="facts">{children}</dl>;

export const Fact = ({ name, children }: { readonly name: string; readonly children: ReactNode }) => (
  <div className="fact">
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);
