/** Which lines of the statement are shown, as the address has it; days are those of the reader's clock. */
export interface StatementSearch {
  asset?: string | undefined;
  code?: string | undefined;
  /** The first day and the last one, both included: "2026-11-28". */
  since?: string | undefined;
  until?: string | undefined;
  q?: string | undefined;
}

/** The same as parameters of the API, which takes moments: from the first day's start to the last day's end. */
export function lineQuery({ asset, code, since, until, q }: StatementSearch): Record<string, string> {
  const query = {
    asset,
    code,
    since: since && startOf(since, 0),
    until: until && startOf(until, 1),
    q: q?.trim().slice(0, 100),
  };
  return Object.fromEntries(Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1])));
}

/** Whether anything is left out. */
export function isFiltered(search: StatementSearch): boolean {
  return Object.keys(lineQuery(search)).length > 0;
}

function startOf(day: string, later: number): string {
  const [year = 0, month = 1, date = 1] = day.split("-").map((part) => Number.parseInt(part, 10));
  return new Date(year, month - 1, date + later).toISOString();
}
