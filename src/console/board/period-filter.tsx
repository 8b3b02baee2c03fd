import { useState } from 'react';
import { Button as AriaButton } from 'react-aria-components/Button';
import { Dialog, DialogTrigger } from 'react-aria-components/Dialog';
import { Form } from 'react-aria-components/Form';
import { Popover } from 'react-aria-components/Popover';
import { browserClock } from '../app/clock.ts';
import { formatMoment } from '../app/format.ts';
import { fromLocal, toLocal } from '../app/local-time.ts';
import { texts } from '../texts.ts';
import { Button } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import type { BoardFilters } from './filters.ts';

type Period = Pick<BoardFilters, 'from' | 'to'>;

export interface PeriodFilterProps {
  readonly value: Period;
  readonly onChange: (value: Period) => void;
}

const hour = 3_600_000;
const presets = [
  { id: 'hour', ms: hour },
  { id: 'day', ms: 24 * hour },
  { id: 'week', ms: 7 * 24 * hour },
  { id: 'month', ms: 30 * 24 * hour },
] as const;

/**
 * A choice of the time in which jobs were created. It is a pair of moments and not relative to now, so that a link shows
 * the same list later and in another time zone.
 */
export function PeriodFilter({ value, onChange }: PeriodFilterProps) {
  const [isOpen, setOpen] = useState(false);
  const isChosen = value.from !== null || value.to !== null;
  const words = texts.board.period;
  const choose = (period: Period) => {
    setOpen(false);
    onChange(period);
  };
  return (
    <DialogTrigger isOpen={isOpen} onOpenChange={setOpen}>
      <AriaButton className={isChosen ? 'input select-button select-chosen' : 'input select-button'}>
        <span className="select-value">{textOf(value)}</span>
        <span aria-hidden="true" className="chevron" />
      </AriaButton>
      <Popover className="popover">
        <Dialog aria-label={words.label} className="period">
          <div className="period-presets">
            {presets.map(({ id, ms }) => (
              <Button
                key={id}
                onPress={() => choose({ from: new Date(browserClock.now() - ms).toISOString(), to: null })}
              >
                {words.presets[id]}
              </Button>
            ))}
          </div>
          <PeriodForm value={value} onChange={choose} />
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}

function PeriodForm({ value, onChange }: PeriodFilterProps) {
  const [from, setFrom] = useState(toLocal(value.from));
  const [to, setTo] = useState(toLocal(value.to));
  const words = texts.board.period;
  return (
    <Form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        onChange({ from: fromLocal(from), to: fromLocal(to) });
      }}
    >
      <TextField label={words.from} type="datetime-local" value={from} onChange={setFrom} />
      <TextField label={words.to} type="datetime-local" value={to} onChange={setTo} />
      <div className="actions">
        <Button type="submit" look="primary">
          {words.apply}
        </Button>
        <Button onPress={() => onChange({ from: null, to: null })}>{words.any}</Button>
      </div>
    </Form>
  );
}

function textOf({ from, to }: Period): string {
  const { any, since, until, between } = texts.board.period;
  const moment = (at: string) => formatMoment(at, browserClock.now());
  if (from === null) return to === null ? any : until(moment(to));
  return to === null ? since(moment(from)) : between(moment(from), moment(to));
}
