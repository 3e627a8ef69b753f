import { useLingui } from "@lingui/react/macro";
import { Check, Copy as CopyIcon } from "lucide-react";
import { useState } from "react";
import { IconButton } from "./Button";
import { toast } from "./toast";

const CONFIRMED_MS = 1_500;

/** Copy a value. `what` names it: "Copy endpoint". */
export function CopyButton({ value, label }: { value: string; label: string }) {
  const { t } = useLingui();
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setCopied(true);
      window.setTimeout(() => setCopied(false), CONFIRMED_MS);
    } catch {
      // Without HTTPS, or with the permission denied, a page may not write to the clipboard.
      toast(t`The browser does not allow copying here. Select the text instead.`, { tone: "bad" });
    }
  };
  return (
    <IconButton label={copied ? t`Copied` : label} onClick={copy}>
      {copied ? <Check className="size-4 text-ok" /> : <CopyIcon className="size-4" />}
    </IconButton>
  );
}

/** A value in a box with its copy button: an endpoint, an id, a command. */
export function CopyField({ value, label }: { value: string; label: string }) {
  return (
    <div className="flex min-w-0 items-center gap-1 rounded-control border border-line bg-sunken ps-3 pe-1">
      <code className="min-w-0 grow overflow-x-auto py-2 font-mono text-sm whitespace-nowrap select-all">{value}</code>
      <CopyButton value={value} label={label} />
    </div>
  );
}
