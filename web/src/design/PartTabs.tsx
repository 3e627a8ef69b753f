/** The parts of one thing, one of which is shown. They are tabs as the ARIA patterns describe them: arrow keys go from one to the next. */
export function PartTabs<Part extends string>({
  label,
  value,
  parts,
  onChange,
}: {
  label: string;
  value: Part;
  parts: readonly { value: Part; label: string }[];
  onChange: (value: Part) => void;
}) {
  const go = (step: number) => {
    const at = parts.findIndex((part) => part.value === value);
    const next = parts[(at + step + parts.length) % parts.length];
    if (next) onChange(next.value);
  };
  return (
    <div
      role="tablist"
      aria-label={label}
      className="-mx-5 flex gap-1 overflow-x-auto border-b border-line px-5"
      onKeyDown={(event) => {
        if (event.key === "ArrowRight") go(1);
        else if (event.key === "ArrowLeft") go(-1);
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    >
      {parts.map((part) => {
        const selected = part.value === value;
        return (
          <button
            key={part.value}
            ref={(element) => {
              // The focus follows the arrow keys: the one before had it.
              if (selected && element?.parentElement?.contains(document.activeElement)) element.focus();
            }}
            type="button"
            role="tab"
            data-autofocus={selected || undefined}
            aria-selected={selected}
            tabIndex={selected ? 0 : -1}
            onClick={() => onChange(part.value)}
            className="-mb-px border-b-2 border-transparent px-2.5 py-2 text-sm font-medium whitespace-nowrap text-text-2 transition-colors duration-90 hover:text-text focus-visible:-outline-offset-2 aria-selected:border-accent aria-selected:text-text"
          >
            {part.label}
          </button>
        );
      })}
    </div>
  );
}
