import { ArrowDown, ArrowUp } from "lucide-react";
import type { ReactNode } from "react";

export interface Column<Row> {
  key: string;
  head: ReactNode;
  cell: (row: Row) => ReactNode;
  /** Numbers stand at the end, so that their digits align. */
  numeric?: boolean;
  /** On a phone: the first line of the row's card, its second line, or not shown. */
  phone?: "title" | "detail" | "end" | "hidden";
  /** The field by which the list can be sorted at the head of this column. */
  sort?: string;
}

/** In which order the rows come, as the API names it ("-created_at": the newest first), and how another is chosen. */
export interface Sorting {
  value: string;
  onChange: (value: string) => void;
}

/** A list. On a phone each row is a card of two lines; `onOpen` makes the whole row open its details. */
export function Table<Row>({
  label,
  columns,
  rows,
  rowKey,
  onOpen,
  dimmed = false,
  sorting,
}: {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  onOpen?: (row: Row) => void;
  /** Newer rows are on their way: these stay, but less bright. */
  dimmed?: boolean;
  sorting?: Sorting;
}) {
  const at = (place: Column<Row>["phone"]) => columns.filter((column) => (column.phone ?? "detail") === place);
  return (
    // Where the columns need more room than the page has, the table is scrolled sideways.
    <div className={`overflow-x-auto transition-opacity ${dimmed ? "opacity-60" : ""}`}>
      <table className="hidden w-full border-collapse text-sm md:table" aria-label={label}>
        <thead>
          <tr className="border-b border-line text-text-3">
            {columns.map((column) =>
              column.head === "" ? (
                // A column of buttons has no name; an empty header cell would be read as one.
                <td key={column.key} />
              ) : (
                <th
                  key={column.key}
                  scope="col"
                  aria-sort={sorting && column.sort ? directionOf(sorting.value, column.sort) : undefined}
                  className={`h-9 px-4 font-medium whitespace-nowrap ${column.numeric ? "text-end" : "text-start"}`}
                >
                  {sorting && column.sort ? (
                    <SortButton field={column.sort} sorting={sorting}>
                      {column.head}
                    </SortButton>
                  ) : (
                    column.head
                  )}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={rowKey(row)}
              onClick={onOpen ? () => onOpen(row) : undefined}
              className={`h-10 border-b border-line last:border-0 ${onOpen ? "cursor-pointer hover:bg-sunken" : ""}`}
            >
              {columns.map((column, index) => (
                <td key={column.key} className={`max-w-80 truncate px-4 ${column.numeric ? "text-end" : ""}`}>
                  {index === 0 && onOpen ? (
                    <button
                      type="button"
                      className="max-w-full truncate rounded-chip text-start"
                      onClick={() => onOpen(row)}
                    >
                      {column.cell(row)}
                    </button>
                  ) : (
                    column.cell(row)
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <ul className="divide-y divide-line md:hidden" aria-label={label}>
        {rows.map((row) => {
          const content = (
            <>
              <span className="flex min-w-0 grow flex-col items-start gap-0.5">
                {at("title").map((column) => (
                  <span key={column.key} className="max-w-full truncate font-medium">
                    {column.cell(row)}
                  </span>
                ))}
                <span className="flex max-w-full flex-wrap gap-x-3 text-sm text-text-3">
                  {at("detail").map((column) => (
                    <span key={column.key} className="truncate">
                      {column.cell(row)}
                    </span>
                  ))}
                </span>
              </span>
              <span className="flex shrink-0 flex-col items-end gap-0.5">
                {at("end").map((column) => (
                  <span key={column.key}>{column.cell(row)}</span>
                ))}
              </span>
            </>
          );
          const shape = "flex min-h-14 w-full items-center gap-3 px-4 py-2 text-start";
          return (
            <li key={rowKey(row)}>
              {onOpen ? (
                <button type="button" className={`${shape} active:bg-sunken`} onClick={() => onOpen(row)}>
                  {content}
                </button>
              ) : (
                <div className={shape}>{content}</div>
              )}
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function directionOf(value: string, field: string): "ascending" | "descending" | "none" {
  if (value === field) return "ascending";
  return value === `-${field}` ? "descending" : "none";
}

/** The name of a column that sorts by it; pressed again, the other way round. */
function SortButton({ field, sorting, children }: { field: string; sorting: Sorting; children: ReactNode }) {
  const direction = directionOf(sorting.value, field);
  const Icon = direction === "descending" ? ArrowDown : ArrowUp;
  return (
    <button
      type="button"
      className="inline-flex items-center gap-1 rounded-chip hover:text-text"
      onClick={() => sorting.onChange(direction === "ascending" ? `-${field}` : field)}
    >
      {children}
      <Icon className={`size-3.5 ${direction === "none" ? "opacity-0" : ""}`} aria-hidden="true" />
    </button>
  );
}
