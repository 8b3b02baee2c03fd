import { ToggleButton } from 'react-aria-components/ToggleButton';
import { ToggleButtonGroup } from 'react-aria-components/ToggleButtonGroup';

export interface SegmentedProps<Value extends string> {
  readonly label: string;
  readonly options: readonly { readonly id: Value; readonly label: string; readonly count?: number | undefined }[];
  readonly value: Value;
  readonly onChange: (value: Value) => void;
}

/** A choice of one of a few values that are all visible. */
export function Segmented<Value extends string>({ label, options, value, onChange }: SegmentedProps<Value>) {
  return (
    <ToggleButtonGroup
      aria-label={label}
      className="segmented"
      selectionMode="single"
      disallowEmptySelection
      selectedKeys={[value]}
      onSelectionChange={(keys) => {
        const chosen = options.find(({ id }) => keys.has(id));
        if (chosen !== undefined) onChange(chosen.id);
      }}
    >
      {options.map(({ id, label: text, count }) => (
        <ToggleButton key={id} id={id} className="segment">
          {text}
          {count !== undefined && count > 0 && <span className="segment-count">{count}</span>}
        </ToggleButton>
      ))}
    </ToggleButtonGroup>
  );
}
