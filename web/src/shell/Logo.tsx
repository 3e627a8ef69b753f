export function Logo() {
  return (
    <span className="inline-flex items-center gap-2 font-semibold tracking-tight">
      <svg viewBox="0 0 32 32" className="size-6" aria-hidden="true">
        <rect width="32" height="32" rx="8" className="fill-accent" />
        <path d="M8 10h16M16 10v13" className="stroke-on-accent" strokeWidth="3.5" strokeLinecap="round" fill="none" />
        <path
          d="M8 16.5h3.5M20.5 16.5H24"
          className="stroke-on-accent"
          strokeWidth="2.5"
          strokeLinecap="round"
          opacity=".6"
        />
      </svg>
      Tollway
    </span>
  );
}
