import { Trans, useLingui } from "@lingui/react/macro";
import { useNavigate } from "@tanstack/react-router";
import { Search } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { create } from "zustand";
import { Dialog } from "@/design/Dialog";
import { Switch } from "@/design/Switch";
import type { Place } from "./navigation";

type Open = "pages" | "shortcuts" | null;
const usePalette = create<{ open: Open }>(() => ({ open: null }));
const show = (open: Open) => usePalette.setState({ open });

// Who dictates to the computer, or holds keys long, can turn single keys off (WCAG 2.1.4).
const STORED = "shortcuts";
const singleKeys = () => window.localStorage.getItem(STORED) !== "off";

const CHORD_MS = 1_200;

export const showShortcuts = () => show("shortcuts");

export function PaletteButton() {
  return (
    <button
      type="button"
      onClick={() => show("pages")}
      className="hidden h-9 w-72 items-center gap-2 rounded-control border border-line bg-surface px-3 text-sm text-text-3 hover:border-control md:flex"
    >
      <Search className="size-4" aria-hidden="true" />
      <Trans>Go to a page</Trans>
      <kbd className="ms-auto font-sans text-xs">Ctrl K</kbd>
    </button>
  );
}

/** Go anywhere by typing, or to a thing by its id; and the shortcuts "g d", "g p" …, which "?" lists. */
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
        show("pages");
        return;
      }
      const typing = event.target instanceof HTMLElement && event.target.closest("input, select, textarea, dialog");
      if (typing || event.ctrlKey || event.metaKey || event.altKey || !singleKeys()) return;
      if (event.key === "?") show("shortcuts");
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
  if (open === "shortcuts") return <Shortcuts places={places} onClose={() => show(null)} />;
  const id = places.some(({ to }) => to === "/operate") ? operatorAddress(text) : customerAddress(text);
  const close = () => {
    show(null);
    setText("");
    setMarked(0);
  };
  const go = (to: string) => {
    close();
    void navigate({ href: to });
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
          else if (event.key === "Enter" && id) go(id);
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
        <p className="p-3 text-text-3">{id ? <Trans>Enter opens it.</Trans> : <Trans>No page has this name.</Trans>}</p>
      )}
    </Dialog>
  );
}

/** Where the thing with an id is shown; undefined for what has no address of its own. */
function customerAddress(text: string): string | undefined {
  const id = text.trim();
  return /^txn_\w+$/.test(id) ? `/billing/statement?transaction=${id}` : undefined;
}

function operatorAddress(text: string): string | undefined {
  const id = text.trim();
  return /^usr_\w+$/.test(id) ? `/operate/customers?customer=${id}` : undefined;
}

/** All keys that do something, and the switch that turns the single ones off. */
function Shortcuts({ places, onClose }: { places: readonly Place[]; onClose: () => void }) {
  const { t, i18n } = useLingui();
  const [on, setOn] = useState(singleKeys);
  const keys: readonly (readonly [string, string])[] = [
    ["Ctrl K", t`Go to a page, or to what has an id`],
    ["?", t`This list`],
    ...places.map(({ key, name }) => [`g ${key}`, i18n._(name)] as const),
    ["Esc", t`Close what is open`],
  ];
  return (
    <Dialog title={t`Keyboard shortcuts`} onClose={onClose}>
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] items-center gap-x-6 gap-y-2">
        {keys.map(([key, what]) => (
          <div key={key} className="contents">
            <dt>
              <kbd className="rounded-chip border border-line bg-sunken px-1.5 py-0.5 font-mono text-xs">{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <div className="mt-4 border-t border-line pt-2">
        <Switch
          label={t`Single keys`}
          hint={t`Off: only keys with Ctrl do something.`}
          checked={on}
          onChange={(checked) => {
            window.localStorage.setItem(STORED, checked ? "on" : "off");
            setOn(checked);
          }}
        />
      </div>
    </Dialog>
  );
}
