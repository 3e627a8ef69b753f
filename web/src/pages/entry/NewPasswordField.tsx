import { useLingui } from "@lingui/react/macro";
import { PasswordField } from "./PasswordField";
import { strength } from "./strength";

const FILLED = ["", "bg-bad", "bg-warn", "bg-ok", "bg-ok"] as const;

/** A new password with its strength as it is typed. */
export function NewPasswordField({ value, ...rest }: Parameters<typeof PasswordField>[0] & { value: string }) {
  const { t } = useLingui();
  const score = strength(value);
  const words = [t`At least 10 characters. Several words are easiest.`, t`Weak`, t`Fair`, t`Good`, t`Strong`] as const;
  return (
    <div className="grid gap-2">
      <PasswordField {...rest} autoComplete="new-password" hint={value ? words[score] : words[0]} />
      <div className="grid grid-cols-4 gap-1" aria-hidden="true">
        {[1, 2, 3, 4].map((step) => (
          <span
            key={step}
            className={`h-1 rounded-full transition-colors duration-140 ${score >= step ? FILLED[score] : "bg-line"}`}
          />
        ))}
      </div>
    </div>
  );
}
