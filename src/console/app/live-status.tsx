import type { Connection } from '../live/connection.ts';
import { texts } from '../texts.ts';
import { Notice } from '../ui/feedback.tsx';
import { formatAge } from './format.ts';
import { useGateway } from './gateway.tsx';
import { useNow } from './use-now.ts';
import { useValue } from './use-value.ts';

export interface LiveStatusProps {
  /** Since when the data may be out of date, as RFC 3339 text; null: it is up to date. */
  readonly staleSince: string | null;
}

/** State of the live view, always visible. @param failed whether the live view has ended */
export function LiveBadge({ staleSince, failed }: LiveStatusProps & { readonly failed: boolean }) {
  const connection = useValue(useGateway().connection);
  const [tone, text] = failed ? ['off', texts.live.ended] : badgeOf(connection, staleSince !== null);
  return (
    <span className={`live live-${tone}`} role="status">
      <span className="live-dot" aria-hidden="true" />
      {text}
    </span>
  );
}

function badgeOf(connection: Connection, isStale: boolean): readonly [tone: string, text: string] {
  switch (connection.kind) {
    case 'connecting':
      return ['waiting', texts.live.connecting];
    case 'open':
      return isStale ? ['late', texts.live.stale] : ['on', texts.live.live];
    case 'lost':
      return ['off', texts.live.lost];
    case 'interrupted':
      return ['late', texts.live.interrupted];
  }
}

/** Explains why the data may be out of date, with its age. Empty while it is up to date. */
export function LiveNotice({ staleSince }: LiveStatusProps) {
  const connection = useValue(useGateway().connection);
  switch (connection.kind) {
    case 'connecting':
      return null;
    case 'open':
      return staleSince === null ? null : (
        <Notice tone="warning" title={texts.live.stale}>
          <Age at={Date.parse(staleSince)} text={texts.live.staleSince} />
        </Notice>
      );
    case 'lost':
    case 'interrupted':
      return (
        <Notice tone="warning" title={connection.kind === 'lost' ? texts.live.lost : texts.live.interrupted}>
          {connection.lastContactAt === null ? (
            texts.live.ageUnknown
          ) : (
            <Age at={connection.lastContactAt} text={texts.live.age} />
          )}
        </Notice>
      );
  }
}

const Age = ({ at, text }: { readonly at: number; readonly text: (age: string) => string }) => {
  const now = useNow();
  return text(formatAge(now - at));
};
