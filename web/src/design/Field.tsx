import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, useId } from "react";

const CONTROL =
  "w-full rounded-control border bg-surface px-3 text-text placeholder:text-text-3 transition-colors duration-90 disabled:bg-sunken disabled:text-text-3";

interface Labelled {
  label: ReactNode;
  /** A sentence below the field that helps to fill it in. */
  hint?: ReactNode;
  /** What is wrong with the value; it stands in place of the hint and is announced. */
  error?: string | undefined;
  /** What stands inside the field at its end: a unit, a button. */
  end?: ReactNode;
}

export interface TextFieldProps extends Labelled, InputHTMLAttributes<HTMLInputElement> {}

/** A labelled input. The label stands above it; a placeholder is never the only label. */
export function TextField({ label, hint, error, end, ...rest }: TextFieldProps) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <div className="relative">
        <input
          {...rest}
          id={id}
          aria-invalid={Boolean(error)}
          aria-describedby={hint || error ? `${id}-note` : undefined}
          className={`${CONTROL} h-11 md:h-9 ${end ? "pe-14" : ""} ${error ? "border-bad" : "border-control/60 hover:border-control"}`}
        />
        {end && <div className="absolute inset-y-0 end-1 flex items-center text-text-3">{end}</div>}
      </div>
    </Frame>
  );
}

export interface SelectFieldProps extends Omit<Labelled, "end">, SelectHTMLAttributes<HTMLSelectElement> {
  options: readonly { value: string; label: string }[];
}

/** A labelled native select: it is right on phones, with a keyboard and for screen readers without any code. */
export function SelectField({ label, hint, error, options, ...rest }: SelectFieldProps) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <select
        {...rest}
        id={id}
        aria-invalid={Boolean(error)}
        aria-describedby={hint || error ? `${id}-note` : undefined}
        className={`${CONTROL} h-11 md:h-9 ${error ? "border-bad" : "border-control/60 hover:border-control"}`}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </Frame>
  );
}

function Frame({
  id,
  label,
  hint,
  error,
  children,
}: {
  id: string;
  label: ReactNode;
  hint?: ReactNode;
  error?: string | undefined;
  children: ReactNode;
}) {
  return (
    <div className="grid gap-1.5">
      <label htmlFor={id} className="text-sm font-medium text-text-2">
        {label}
      </label>
      {children}
      {(error || hint) && (
        <p
          id={`${id}-note`}
          role={error ? "alert" : undefined}
          className={`text-sm ${error ? "text-bad" : "text-text-3"}`}
        >
          {error || hint}
        </p>
      )}
    </div>
  );
}
