import { type InputHTMLAttributes, type ReactNode, useId, useState } from "react";

interface Labelled {
  readonly label: string;
  /** What is wrong with the input. */
  readonly error?: string | undefined;
  /** What the field is about, or what happened to it meanwhile. */
  readonly hint?: ReactNode;
}

export interface TextFieldProps extends Labelled, Omit<InputHTMLAttributes<HTMLInputElement>, "onChange"> {
  readonly onChange: (value: string) => void;
}

/** An input with its label, its hint and its error, all of which a screen reader hears. */
export function TextField({ label, error, hint, onChange, ...rest }: TextFieldProps) {
  const id = useId();
  return (
    <Frame id={id} label={label} error={error} hint={hint}>
      <input
        {...rest}
        id={id}
        aria-invalid={error !== undefined}
        aria-describedby={`${id}-about`}
        onChange={(event) => onChange(event.target.value)}
      />
    </Frame>
  );
}

export interface NumberFieldProps extends Omit<TextFieldProps, "type" | "value" | "onChange"> {
  readonly value: number;
  readonly onChange: (value: number) => void;
}

/** An input for a number. It may be empty while somebody types, which is no number yet. */
export function NumberField({ value, onChange, ...rest }: NumberFieldProps) {
  const [typed, setTyped] = useState(String(value));
  const change = (text: string) => {
    setTyped(text);
    if (text !== "") {
      onChange(Number(text));
    }
  };
  const text = typed === "" || Number(typed) === value ? typed : String(value);
  return <TextField {...rest} type="number" value={text} onChange={change} />;
}

export interface ChoiceProps<T extends string> extends Labelled {
  readonly value: T;
  readonly options: readonly T[];
  readonly nameOf: (option: T) => string;
  readonly onChange: (value: T) => void;
  readonly testId?: string;
}

/** A choice of a few options. */
export function Choice<T extends string>(props: ChoiceProps<T>) {
  const { label, error, hint, value, options, nameOf, onChange, testId } = props;
  const id = useId();
  return (
    <Frame id={id} label={label} error={error} hint={hint}>
      <select
        id={id}
        value={value}
        data-testid={testId}
        aria-describedby={`${id}-about`}
        onChange={(event) => onChange(event.target.value as T)}
      >
        {options.map((option) => (
          <option key={option} value={option}>
            {nameOf(option)}
          </option>
        ))}
      </select>
    </Frame>
  );
}

function Frame(props: Labelled & { readonly id: string; readonly children: ReactNode }) {
  const { id, label, error, hint, children } = props;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children}
      <div id={`${id}-about`} className="field-about">
        {error !== undefined && <p className="field-error">{error}</p>}
        {hint}
      </div>
    </div>
  );
}
