import { ArrowDown, ArrowUp } from "lucide-react";
import { type ReactNode, useLayoutEffect, useMemo, useRef } from "react";
import { useNear } from "./useNear";
import { useWide } from "./useWide";

export interface Column<Row> {
  key: string;
  head: ReactNode;
  cell: (row: Row) => ReactNode;
  /** Numbers stand at the end, so that their digits align. */
  numeric?: boolean;
  /** On a phone: the first line of the row's card, its second line, its end, or not shown. */
  phone?: "title" | "detail" | "end" | "hidden";
  /** On a phone the value stands without the column's name, which it says itself; so do the columns `at` and `state`. */
  plain?: boolean;
  /** The field by which the list can be sorted at the head of this column. */
  sort?: string;
}

/** In which order the rows come, as the API names it ("-created_at": the newest first), and how another is chosen. */
export interface Sorting {
  value: string;
  onChange: (value: string) => void;
}

/** Which rows are chosen, to do something with all of them. */
export interface Selection<Row> {
  chosen: ReadonlySet<string>;
  onChange: (chosen: ReadonlySet<string>) => void;
  /** What the box of a row is called. */
  label: (row: Row) => string;
  /** Whether a row can be chosen. */
  offered: (row: Row) => boolean;
}

interface Shown<Row> {
  columns: readonly Column<Row>[];
  rowKey: (row: Row) => string;
  onOpen?: ((row: Row) => void) | undefined;
  selection?: Selection<Row> | undefined;
}

/** How many rows come and go together. */
const GROUP_ROWS = 50;
const ROW_PX = 41;
const CARD_PX = 62;

/**
 * A list. On a phone each row is a card; `onOpen` makes the whole row open its details. Of a long list only the rows near the screen are in the
 * page: groups that are far away leave their height behind.
 */
export function Table<Row>({
  label,
  columns,
  rows,
  rowKey,
  onOpen,
  sorting,
  selection,
  dimmed = false,
}: {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  onOpen?: (row: Row) => void;
  sorting?: Sorting;
  selection?: Selection<Row>;
  /** Newer rows are on their way: these stay, but less bright. */
  dimmed?: boolean;
}) {
  const wide = useWide();
  const groups = useMemo(
    () => Array.from({ length: Math.ceil(rows.length / GROUP_ROWS) }, (_, group) => group * GROUP_ROWS),
    [rows.length],
  );
  const shown: Shown<Row> = { columns, rowKey, onOpen, selection };
  const rowsFrom = (start: number) => rows.slice(start, start + GROUP_ROWS);
  return (
    // Where the columns need more room than the page has, the table is scrolled sideways.
    <div className={`overflow-x-auto transition-opacity ${dimmed ? "opacity-60" : ""}`}>
      {wide ? (
        <table className="w-full border-collapse text-sm" aria-label={label} aria-rowcount={rows.length + 1}>
          <thead>
            <tr className="border-b border-line text-text-3">
              {selection && <td />}
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
          {groups.map((start) => (
            <RowGroup key={start} first={start} rows={rowsFrom(start)} shown={shown} />
          ))}
        </table>
      ) : (
        <ul className="divide-y divide-line" aria-label={label}>
          {groups.map((start) => (
            <CardGroup key={start} first={start} rows={rowsFrom(start)} shown={shown} total={rows.length} />
          ))}
        </ul>
      )}
    </div>
  );
}

function SelectBox<Row>({ selection, row, id }: { selection: Selection<Row>; row: Row; id: string }) {
  const { chosen, onChange, label, offered } = selection;
  if (!offered(row)) return <span className="inline-block size-6 shrink-0" />;
  return (
    // The whole row opens its details; the box does not.
    <label className="inline-grid size-6 shrink-0 place-items-center">
      <input
        type="checkbox"
        className="size-4 accent-accent"
        aria-label={label(row)}
        checked={chosen.has(id)}
        onClick={(event) => event.stopPropagation()}
        onChange={() => {
          const next = new Set(chosen);
          if (!next.delete(id)) next.add(id);
          onChange(next);
        }}
      />
    </label>
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

/** Whether a group is near the screen, and how high it was when it was there last. */
function useGroup<Element extends HTMLElement>(first: number, guess: number) {
  const element = useRef<Element>(null);
  const height = useRef(guess);
  const near = useNear(element, first === 0);
  useLayoutEffect(() => {
    if (near && element.current) height.current = element.current.offsetHeight || height.current;
  });
  return { element, near, height: height.current };
}

function RowGroup<Row>({ first, rows, shown }: { first: number; rows: readonly Row[]; shown: Shown<Row> }) {
  const { columns, rowKey, onOpen, selection } = shown;
  const { element, near, height } = useGroup<HTMLTableSectionElement>(first, rows.length * ROW_PX);
  if (!near) {
    return (
      <tbody ref={element} aria-hidden="true">
        <tr style={{ height }}>
          <td colSpan={columns.length + (selection ? 1 : 0)} />
        </tr>
      </tbody>
    );
  }
  return (
    <tbody ref={element} className="not-last:border-b not-last:border-line">
      {rows.map((row, index) => (
        <tr
          key={rowKey(row)}
          aria-rowindex={first + index + 2}
          onClick={onOpen ? () => onOpen(row) : undefined}
          className={`h-10 border-b border-line last:border-0 ${onOpen ? "cursor-pointer hover:bg-sunken" : ""}`}
        >
          {selection && (
            <td className="w-10 ps-4">
              <SelectBox selection={selection} row={row} id={rowKey(row)} />
            </td>
          )}
          {columns.map((column, place) => (
            <td key={column.key} className={`max-w-80 truncate px-4 ${column.numeric ? "text-end" : ""}`}>
              {place === 0 && onOpen ? (
                <button
                  type="button"
                  className="max-w-full truncate rounded-chip text-start"
                  onClick={(event) => {
                    // The row would open it a second time.
                    event.stopPropagation();
                    onOpen(row);
                  }}
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
  );
}

function CardGroup<Row>({
  first,
  rows,
  shown,
  total,
}: {
  first: number;
  rows: readonly Row[];
  shown: Shown<Row>;
  total: number;
}) {
  const { element, near, height } = useGroup<HTMLLIElement>(first, rows.length * CARD_PX);
  return (
    // A group stands as one item; inside it is a list again, so that its rows are counted.
    <li ref={element}>
      {near ? (
        <ul className="divide-y divide-line">
          {rows.map((row, index) => (
            <li
              key={shown.rowKey(row)}
              aria-setsize={total}
              aria-posinset={first + index + 1}
              className={shown.selection ? "flex items-center ps-4" : ""}
            >
              {shown.selection && <SelectBox selection={shown.selection} row={row} id={shown.rowKey(row)} />}
              <Card row={row} shown={shown} />
            </li>
          ))}
        </ul>
      ) : (
        <div style={{ height }} aria-hidden="true" />
      )}
    </li>
  );
}

function Card<Row>({ row, shown: { columns, onOpen } }: { row: Row; shown: Shown<Row> }) {
  const at = (place: Column<Row>["phone"]) => columns.filter((column) => (column.phone ?? "detail") === place);
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
            <Value key={column.key} column={column} row={row} />
          ))}
        </span>
      </span>
      <span className="flex max-w-1/2 shrink-0 flex-col items-end gap-0.5">
        {at("end").map((column) => (
          <Value key={column.key} column={column} row={row} />
        ))}
      </span>
    </>
  );
  const shape = "flex min-h-14 w-full items-center gap-3 px-4 py-2 text-start";
  if (!onOpen) return <div className={shape}>{content}</div>;
  return (
    <button type="button" className={`${shape} active:bg-sunken`} onClick={() => onOpen(row)}>
      {content}
    </button>
  );
}

function saysItself({ key, plain }: { key: string; plain?: boolean }): boolean {
  return plain ?? (key === "at" || key === "state");
}

/** A value with its column's name, as there is no head above it. What is empty takes no room. */
function Value<Row>({ column, row }: { column: Column<Row>; row: Row }) {
  const value = column.cell(row);
  if (value === "" || value === null || value === undefined || value === false) return null;
  return (
    <span className="flex max-w-full items-baseline gap-1">
      {column.head !== "" && (
        <span className={saysItself(column) ? "sr-only" : "shrink-0 text-xs text-text-3"}>{column.head} </span>
      )}
      <span className="min-w-0 truncate">{value}</span>
    </span>
  );
}
