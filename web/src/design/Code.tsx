import { useLingui } from "@lingui/react/macro";
import { CopyButton } from "./Copy";

/** A command or a piece of code to take along. */
export function Code({ text }: { text: string }) {
  const { t } = useLingui();
  return (
    <div className="flex items-start rounded-control border border-line bg-sunken">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled with the keyboard */}
      <pre tabIndex={0} className="min-w-0 grow overflow-x-auto p-3 font-mono text-sm">
        {text}
      </pre>
      <div className="p-1">
        <CopyButton value={text} label={t`Copy the text`} />
      </div>
    </div>
  );
}
