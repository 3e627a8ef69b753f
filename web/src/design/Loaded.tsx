import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ProblemNotice } from "./ProblemNotice";
import { SkeletonRows } from "./Skeleton";

/** The three states of something that is loaded: its skeleton, its content, or what went wrong. Old content stays while new is fetched. */
export function Loaded<T>({
  query,
  skeleton = <SkeletonRows />,
  children,
}: {
  query: UseQueryResult<T>;
  skeleton?: ReactNode;
  children: (data: T) => ReactNode;
}) {
  if (query.data !== undefined) return children(query.data);
  if (query.isError) {
    return (
      <div className="p-4">
        <ProblemNotice error={query.error} onRetry={() => void query.refetch()} />
      </div>
    );
  }
  return skeleton;
}
