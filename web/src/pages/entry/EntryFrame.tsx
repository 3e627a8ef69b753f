import { type ReactNode, useEffect, useRef } from "react";
import { Logo } from "@/shell/Logo";
import { showTitle } from "@/shell/usePageTitle";

/** The frame of the pages before somebody is signed in. */
export function EntryFrame({ children }: { children: ReactNode }) {
  return (
    <main className="grid min-h-dvh content-center justify-items-center gap-8 px-4 py-10">
      <div className="text-md">
        <Logo />
      </div>
      <div className="w-full max-w-sm rounded-dialog border border-line bg-surface p-6 sm:p-8">{children}</div>
    </main>
  );
}

export function EntryHead({ title, lead }: { title: ReactNode; lead?: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => showTitle(heading.current?.textContent ?? ""));
  return (
    <div className="mb-6">
      <h1 ref={heading} className="text-lg font-semibold tracking-tight">
        {title}
      </h1>
      {lead && <p className="mt-1 text-text-2">{lead}</p>}
    </div>
  );
}
