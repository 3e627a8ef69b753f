const FORMULA = /^[=+\-@\t\r]/;

/** One cell (RFC 4180). A cell that a spreadsheet would run as a formula gets an apostrophe before it. */
export function csvCell(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csv(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return [columns, ...rows].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
}

/** Offer a table as a file. */
export function downloadCsv(name: string, columns: readonly string[], rows: readonly (readonly string[])[]): void {
  const address = URL.createObjectURL(new Blob([csv(columns, rows)], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
