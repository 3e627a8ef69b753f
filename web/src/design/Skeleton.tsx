/** The grey shape of what is being loaded, of its final size, so that nothing shifts when it comes. */
export function Skeleton({ className = "h-5 w-full" }: { className?: string }) {
  return <div className={`shimmer rounded-chip bg-line ${className}`} aria-hidden="true" />;
}

export function SkeletonRows({ rows = 5 }: { rows?: number }) {
  return (
    <div role="status" aria-label="Loading" className="divide-y divide-line">
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows have no identity
        <div key={row} className="flex h-12 items-center gap-4 px-4 md:h-10">
          <Skeleton className="h-3.5 w-1/4" />
          <Skeleton className="h-3.5 w-1/3" />
          <Skeleton className="ms-auto h-3.5 w-16" />
        </div>
      ))}
    </div>
  );
}
