import { FieldError } from 'react-aria-components/FieldError';
import { Input } from 'react-aria-components/Input';
import { Label } from 'react-aria-components/Label';
import { SwitchButton, SwitchField, type SwitchFieldProps } from 'react-aria-components/Switch';
import { Text } from 'react-aria-components/Text';
import { TextField as AriaTextField, type TextFieldProps as AriaTextFieldProps } from 'react-aria-components/TextField';

export interface TextFieldProps extends Omit<AriaTextFieldProps, 'className' | 'children'> {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly placeholder?: string;
  /** Message at the field, for example an issue of the gateway. By default the browser’s own validation. */
  readonly error?: string | undefined;
}

/** Without it, browsers take six digits as a year, which is no time of the API. */
const latestTime = '9999-12-31T23:59';

export const TextField = ({ label, hint, placeholder, error, ...props }: TextFieldProps) => (
  <AriaTextField {...props} isInvalid={error !== undefined || props.isInvalid === true} className="field">
    <Label>{label}</Label>
    <Input
      className="input"
      {...(placeholder === undefined ? {} : { placeholder })}
      {...(props.type === 'datetime-local' ? { max: latestTime } : {})}
    />
    {hint !== undefined && (
      <Text slot="description" className="field-hint">
        {hint}
      </Text>
    )}
    <FieldError className="field-error">{error ?? (({ validationErrors }) => validationErrors.join(' '))}</FieldError>
  </AriaTextField>
);

export interface SwitchProps extends Omit<SwitchFieldProps, 'className' | 'children'> {
  readonly label: string;
  readonly hint?: string;
}

export const Switch = ({ label, hint, ...props }: SwitchProps) => (
  <SwitchField {...props} className="field">
    <SwitchButton className="switch">
      <span className="switch-track" />
      {label}
    </SwitchButton>
    {hint !== undefined && (
      <Text slot="description" className="field-hint">
        {hint}
      </Text>
    )}
  </SwitchField>
);
