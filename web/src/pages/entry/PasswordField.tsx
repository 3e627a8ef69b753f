import { useLingui } from "@lingui/react/macro";
import { Eye, EyeOff } from "lucide-react";
import { useState } from "react";
import { IconButton } from "@/design/Button";
import { TextField, type TextFieldProps } from "@/design/Field";

/** A password that can be looked at while it is typed. */
export function PasswordField(props: Omit<TextFieldProps, "type" | "end">) {
  const { t } = useLingui();
  const [shown, setShown] = useState(false);
  return (
    <TextField
      {...props}
      type={shown ? "text" : "password"}
      autoCapitalize="none"
      spellCheck={false}
      end={
        <IconButton label={shown ? t`Hide the password` : t`Show the password`} onClick={() => setShown(!shown)}>
          {shown ? <EyeOff className="size-4" /> : <Eye className="size-4" />}
        </IconButton>
      }
    />
  );
}
