/** How far some work is. `value` is null while nobody knows. */
export function Progress({ value, label }: { value: number | null; label: string }) {
  const share = value === null ? null : Math.min(1, Math.max(0, value));
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={share === null ? undefined : Math.round(share * 100)}
      className="h-1.5 overflow-hidden rounded-full bg-line"
    >
      <div
        className={`h-full rounded-full bg-accent transition-[width] duration-200 ${share === null ? "opacity-50" : ""}`}
        style={{ width: `${(share ?? 1) * 100}%` }}
      />
    </div>
  );
}
