import type { Schema } from "@/api/client";

/** After how long a transaction without a seal is a worry: sealing takes seconds. */
const SEALED_WITHIN_MS = 60_000;

export type Worry =
  | { kind: "unsealed"; since: string | null }
  | { kind: "idle_orders"; count: number }
  | { kind: "gave_up"; service: string; count: number };

interface Counted {
  sales?: Schema<"SalesView"> | undefined;
  payments?: Schema<"PaymentsOverview"> | undefined;
  customers?: Schema<"CustomersOverview"> | undefined;
  books?: Schema<"BooksOverview"> | undefined;
}

/** What the services' own counts say that needs a person, the most harmful first. What has not answered yet says nothing. */
export function worriesOf({ sales, payments, customers, books }: Counted, now: Date): Worry[] {
  const found: Worry[] = [];
  const sealedAt = books?.sealed_at ? new Date(books.sealed_at).getTime() : 0;
  if (books?.unsealed && now.getTime() - sealedAt > SEALED_WITHIN_MS) {
    found.push({ kind: "unsealed", since: books.sealed_at });
  }
  if (sales && sales.idle_orders > 0) found.push({ kind: "idle_orders", count: sales.idle_orders });
  const gaveUp = { ledger: books, payments, orders: sales, identity: customers };
  for (const [service, counted] of Object.entries(gaveUp)) {
    if (counted && counted.gave_up > 0) found.push({ kind: "gave_up", service, count: counted.gave_up });
  }
  return found;
}
