import { Trans } from "@lingui/react/macro";
import { useEffect, useRef, useState } from "react";
import { Button } from "./Button";
import { useNear } from "./useNear";

/** The end of a list that goes on: loads the next page of it. After the first time, pages come by themselves as their end is scrolled to. */
export function MoreButton({
  query,
}: {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; isError?: boolean; fetchNextPage: () => unknown };
}) {
  if (!query.hasNextPage) return null;
  return <More query={query} />;
}

function More({ query }: Parameters<typeof MoreButton>[0]) {
  const end = useRef<HTMLDivElement>(null);
  const near = useNear(end, false);
  const [going, setGoing] = useState(false);
  const { isFetchingNextPage: fetching, isError: failed = false, fetchNextPage } = query;
  useEffect(() => {
    if (going && near && !fetching && !failed) void fetchNextPage();
  }, [going, near, fetching, failed, fetchNextPage]);
  return (
    <div ref={end} className="grid justify-items-center border-t border-line p-3">
      <Button
        small
        kind="quiet"
        busy={fetching}
        onClick={() => {
          setGoing(true);
          void fetchNextPage();
        }}
      >
        <Trans>Show more</Trans>
      </Button>
    </div>
  );
}
