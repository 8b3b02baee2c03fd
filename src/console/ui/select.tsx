import { Button } from 'react-aria-components/Button';
import { Label } from 'react-aria-components/Label';
import { ListBox, ListBoxItem } from 'react-aria-components/ListBox';
import { Popover } from 'react-aria-components/Popover';
import { Select as AriaSelect, SelectValue } from 'react-aria-components/Select';

export interface Option<Value extends string> {
  readonly id: Value;
  readonly label: string;
  readonly hint?: string | undefined;
}

export interface SelectProps<Value extends string> {
  readonly label: string;
  readonly options: readonly Option<Value>[];
  readonly value: Value | null;
  readonly onChange: (value: Value) => void;
  /** Shows the label only to screen readers. @default false */
  readonly isLabelHidden?: boolean;
  readonly placeholder?: string;
}

/** A choice of one of a few values. */
export function Select<Value extends string>(props: SelectProps<Value>) {
  const { label, options, value, onChange, isLabelHidden = false, placeholder = '' } = props;
  return (
    <AriaSelect
      className="field"
      aria-label={label}
      value={value}
      placeholder={placeholder}
      onChange={(key) => {
        const chosen = options.find(({ id }) => id === key);
        if (chosen !== undefined) onChange(chosen.id);
      }}
    >
      {!isLabelHidden && <Label>{label}</Label>}
      <Button className="input select-button">
        <SelectValue className="select-value" />
        <span aria-hidden="true" className="chevron" />
      </Button>
      <Popover className="popover">
        <ListBox items={options} className="list-box">
          {({ id, label: text, hint }) => (
            <ListBoxItem id={id} textValue={text} className="list-item">
              <span>{text}</span>
              {hint !== undefined && <span className="list-hint">{hint}</span>}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </AriaSelect>
  );
}
