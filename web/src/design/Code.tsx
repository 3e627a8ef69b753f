import { useLingui } from "@lingui/react/macro";
import { CopyButton } from "./Copy";

/** A command or a piece of code to take along. */
export function Code({ text }: { text: string }) {
  const { t } = useLingui();
  return (
    <div className="relative rounded-control border border-line bg-sunken">
      <pre className="overflow-x-auto p-3 pe-12 font-mono text-sm">{text}</pre>
      <div className="absolute end-1 top-1">
        <CopyButton value={text} label={t`Copy the text`} />
      </div>
    </div>
  );
}
