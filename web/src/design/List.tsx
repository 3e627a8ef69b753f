import type { UseInfiniteQueryResult } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { EmptyState } from "./EmptyState";
import { Loaded } from "./Loaded";
import { MoreButton } from "./MoreButton";
import { type Column, type Sorting, Table } from "./Table";

interface Pages<Row> {
  pages: { items: Row[] }[];
}

/** A list that is loaded page by page: its skeleton, its rows, what is said when there are none, and a button for more. */
export function List<Row>({
  query,
  label,
  columns,
  rowKey,
  onOpen,
  icon,
  empty,
  nothing,
  sorting,
}: {
  query: UseInfiniteQueryResult<Pages<Row>>;
  label: string;
  columns: readonly Column<Row>[];
  rowKey: (row: Row) => string;
  onOpen?: (row: Row) => void;
  icon?: ReactNode;
  /** The sentence that stands in place of an empty table, or `nothing` as a whole. */
  empty?: ReactNode;
  nothing?: ReactNode;
  sorting?: Sorting;
}) {
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  return (
    <>
      <Loaded query={query}>
        {() =>
          rows.length === 0 ? (
            (nothing ?? <EmptyState icon={icon}>{empty}</EmptyState>)
          ) : (
            <Table
              label={label}
              rows={rows}
              dimmed={query.isPlaceholderData}
              rowKey={rowKey}
              columns={columns}
              {...(onOpen ? { onOpen } : {})}
              {...(sorting ? { sorting } : {})}
            />
          )
        }
      </Loaded>
      <MoreButton query={query} />
    </>
  );
}
