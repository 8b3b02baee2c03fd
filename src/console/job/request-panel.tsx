import { formatFull } from '../app/format.ts';
import { texts } from '../texts.ts';
import { Fact, Facts, Panel } from '../ui/panel.tsx';
import type { Job } from './job-feed.ts';

/** Describes the exported data in words. */
export function RequestPanel({ job: { filter, fields, eventList } }: { readonly job: Job }) {
  const words = texts.job.request;
  const segments = filter?.segments ?? [];
  const qualified = filter?.segmentQualificationTime ?? null;
  return (
    <Panel title={words.title}>
      <Facts>
        {segments.length === 0 ? (
          <Fact name={words.profiles}>{words.all}</Fact>
        ) : (
          <Fact name={words.segments}>
            {segments.map(({ segmentId, definition }) => definition?.name ?? segmentId).join(', ')}
          </Fact>
        )}
        {qualified !== null && <Fact name={words.qualified}>{periodText(qualified.startTime, qualified.endTime)}</Fact>}
        {filter !== null && filter.fromIngestTimestamp !== null && (
          <Fact name={words.changedAfter}>{formatFull(filter.fromIngestTimestamp)}</Fact>
        )}
        {filter?.emptyProfiles === true && <Fact name="">{words.withEmpty}</Fact>}
        <Fact name={words.fields}>{fields === null ? words.allFields : <FieldList fields={fields} />}</Fact>
        {eventList !== null && (
          <Fact name={words.events}>
            {periodText(eventList.fromIngestTimestamp, eventList.toIngestTimestamp) || words.allEvents}
            {eventList.fields !== null && <FieldList fields={eventList.fields} />}
          </Fact>
        )}
      </Facts>
    </Panel>
  );
}

const FieldList = ({ fields }: { readonly fields: readonly string[] }) => (
  <span className="field-list">
    {fields.map((field) => (
      <code key={field}>{field}</code>
    ))}
  </span>
);

function periodText(from: string | null, to: string | null): string {
  const { from: after, to: before } = texts.job.request;
  return [from === null ? '' : after(formatFull(from)), to === null ? '' : before(formatFull(to))].join(' ').trim();
}
