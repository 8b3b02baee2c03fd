import { useEffect, useState } from 'react';
import { Autocomplete } from 'react-aria-components/Autocomplete';
import { Button } from 'react-aria-components/Button';
import { Input } from 'react-aria-components/Input';
import { Label } from 'react-aria-components/Label';
import { ListBox, ListBoxItem } from 'react-aria-components/ListBox';
import { Popover } from 'react-aria-components/Popover';
import { SearchField } from 'react-aria-components/SearchField';
import { Select, SelectValue } from 'react-aria-components/Select';
import { browserClock } from '../app/clock.ts';
import { texts } from '../texts.ts';
import type { Option } from './select.tsx';

export interface SearchSelectProps {
  readonly label: string;
  readonly value: Option<string> | null;
  /** Text of the choice of nothing, and of the button while nothing is chosen. */
  readonly noneLabel: string;
  readonly onChange: (id: string | null) => void;
  /** Finds options whose name contains the text; the first ones for an empty text. The same function on each rendering. */
  readonly search: (text: string) => Promise<readonly Option<string>[]>;
  /** Shows the label only to screen readers. @default true */
  readonly isLabelHidden?: boolean;
}

/** Pause after a key before the search begins, in milliseconds. */
const typingMs = 200;

/** The choice of nothing needs an id that no entity has. */
const none = '';

/** A choice of one of many values, which the gateway searches by name. It is read when the list is opened. */
export function SearchSelect(props: SearchSelectProps) {
  const { label, value, noneLabel, onChange, search, isLabelHidden = true } = props;
  const [isOpen, setOpen] = useState(false);
  const [text, setText] = useState('');
  const [found, setFound] = useState<readonly Option<string>[] | null>(null);

  useEffect(() => {
    if (!isOpen) return undefined;
    let isCurrent = true;
    const find = async () => {
      const options = await search(text);
      if (isCurrent) setFound(options);
    };
    const cancel = browserClock.after(text === '' ? 0 : typingMs, () => void find());
    return () => {
      isCurrent = false;
      cancel();
    };
  }, [isOpen, text, search]);

  const options = text === '' ? [{ id: none, label: noneLabel }, ...(found ?? [])] : (found ?? []);
  return (
    <Select
      className="field"
      aria-label={label}
      value={value?.id ?? none}
      isOpen={isOpen}
      onOpenChange={(open) => {
        setOpen(open);
        setText('');
      }}
      onChange={(key) => onChange(key === none || key === null ? null : String(key))}
    >
      {!isLabelHidden && <Label>{label}</Label>}
      <Button className={value === null ? 'input select-button' : 'input select-button select-chosen'}>
        <SelectValue className="select-value">{() => value?.label ?? noneLabel}</SelectValue>
        <span aria-hidden="true" className="chevron" />
      </Button>
      <Popover className="popover popover-search">
        <Autocomplete inputValue={text} onInputChange={setText}>
          <SearchField aria-label={texts.search.label(label)} autoFocus className="search">
            <Input className="input" placeholder={texts.search.placeholder} />
          </SearchField>
          <ListBox
            items={options}
            className="list-box"
            renderEmptyState={() => (
              <p className="list-empty">{found === null ? texts.search.pending : texts.search.none}</p>
            )}
          >
            {({ id, label: name }) => (
              <ListBoxItem id={id} textValue={name} className="list-item">
                {name}
              </ListBoxItem>
            )}
          </ListBox>
        </Autocomplete>
      </Popover>
    </Select>
  );
}
