import { Trans } from "@lingui/react/macro";
import { Button } from "./Button";

/** The end of a list that goes on: loads the next page of it. */
export function MoreButton({
  query,
}: {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}) {
  if (!query.hasNextPage) return null;
  return (
    <div className="grid justify-items-center border-t border-line p-3">
      <Button small kind="quiet" busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        <Trans>Show more</Trans>
      </Button>
    </div>
  );
}
