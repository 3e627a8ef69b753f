/** How much of a whole is used or left, with its number beside it in words. */
export function Meter({ value, label }: { value: number; label: string }) {
  const share = Math.min(1, Math.max(0, value));
  const tone = share > 0.2 ? "bg-accent" : share > 0.1 ? "bg-warn" : "bg-bad";
  return (
    // biome-ignore lint/a11y/useSemanticElements: browsers draw a <meter> in their own way only
    <div
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(share * 100)}
      className="h-1.5 overflow-hidden rounded-full bg-line"
    >
      <div
        className={`h-full rounded-full transition-[width] duration-200 ${tone}`}
        style={{ width: `${share * 100}%` }}
      />
    </div>
  );
}
