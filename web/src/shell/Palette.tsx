import { Trans, useLingui } from "@lingui/react/macro";
import { useNavigate } from "@tanstack/react-router";
import { Search } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { create } from "zustand";
import { Dialog } from "@/design/Dialog";
import type { Place } from "./navigation";

const usePalette = create<{ open: boolean }>(() => ({ open: false }));
const show = (open: boolean) => usePalette.setState({ open });

const CHORD_MS = 1_200;

export function PaletteButton() {
  return (
    <button
      type="button"
      onClick={() => show(true)}
      className="hidden h-9 w-72 items-center gap-2 rounded-control border border-line bg-surface px-3 text-sm text-text-3 hover:border-control md:flex"
    >
      <Search className="size-4" aria-hidden="true" />
      <Trans>Go to a page</Trans>
      <kbd className="ms-auto font-sans text-xs">Ctrl K</kbd>
    </button>
  );
}

/** Go anywhere by typing, and the shortcuts "g d", "g p" …; "?" lists them. */
export function Palette({ places }: { places: readonly Place[] }) {
  const { t, i18n } = useLingui();
  const navigate = useNavigate();
  const open = usePalette((state) => state.open);
  const [text, setText] = useState("");
  const [marked, setMarked] = useState(0);

  const found = useMemo(() => {
    const wanted = text.trim().toLocaleLowerCase();
    return places.filter((place) => i18n._(place.name).toLocaleLowerCase().includes(wanted));
  }, [places, text, i18n]);

  useEffect(() => {
    let chordUntil = 0;
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "k") {
        event.preventDefault();
        show(true);
        return;
      }
      const typing = event.target instanceof HTMLElement && event.target.closest("input, select, textarea, dialog");
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "?") show(true);
      else if (event.key === "g") chordUntil = event.timeStamp + CHORD_MS;
      else if (event.timeStamp < chordUntil) {
        chordUntil = 0;
        const place = places.find(({ key }) => key === event.key);
        if (place) void navigate({ to: place.to });
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [navigate, places]);

  if (!open) return null;
  const close = () => {
    show(false);
    setText("");
    setMarked(0);
  };
  const go = (to: string) => {
    close();
    void navigate({ to });
  };
  return (
    <Dialog title={t`Go to a page`} onClose={close}>
      <input
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={`palette-${marked}`}
        aria-label={t`Page`}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setMarked(0);
        }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") setMarked(Math.min(marked + 1, found.length - 1));
          else if (event.key === "ArrowUp") setMarked(Math.max(marked - 1, 0));
          else if (event.key === "Enter" && found[marked]) go(found[marked].to);
          else return;
          event.preventDefault();
        }}
        className="mb-2 h-10 w-full rounded-control border border-control/60 bg-surface px-3"
      />
      <div id="palette-list" role="listbox" aria-label={t`Pages`}>
        {found.map(({ to, name, Icon, key }, index) => (
          <button
            key={to}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === marked}
            type="button"
            tabIndex={-1}
            onClick={() => go(to)}
            className={`flex h-10 w-full items-center gap-3 rounded-control px-3 ${index === marked ? "bg-sunken" : ""}`}
          >
            <Icon className="size-4 text-text-3" aria-hidden="true" />
            {i18n._(name)}
            <kbd className="ms-auto font-mono text-xs text-text-3">g {key}</kbd>
          </button>
        ))}
      </div>
      {found.length === 0 && (
        <p className="p-3 text-text-3">
          <Trans>No page has this name.</Trans>
        </p>
      )}
    </Dialog>
  );
}
