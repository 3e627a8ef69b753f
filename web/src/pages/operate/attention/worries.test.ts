import { describe, expect, test } from "vitest";
import { worriesOf } from "./worries";

const NOW = new Date("2026-11-29T08:00:00Z");
const sales = { revenue: [], open_orders: 3, idle_orders: 0, gave_up: 0 };
const payments = { in_review: 0, oldest_review_at: null, reviews: [], owing: 0, gave_up: 0 };
const customers = {
  accounts: 9,
  suspended: 1,
  new_today: 2,
  new_7_days: 3,
  counted_at: "2026-11-29T08:00:00Z",
  gave_up: 0,
};
const books = {
  transactions: 40,
  seal: 7,
  sealed_at: "2026-11-29T07:59:30Z",
  unsealed: true,
  ok: null,
  findings: [],
  gave_up: 0,
};

describe("what needs a person", () => {
  test("nothing, while all is well or has not answered", () => {
    expect(worriesOf({ sales, payments, customers, books }, NOW)).toEqual([]);
    expect(worriesOf({}, NOW)).toEqual([]);
  });
  test("books that are sealed no more come first, then orders that stand still, then work that gave up", () => {
    const late = { ...books, sealed_at: "2026-11-29T07:58:00Z", gave_up: 1 };
    expect(
      worriesOf(
        { sales: { ...sales, idle_orders: 2 }, payments: { ...payments, gave_up: 4 }, customers, books: late },
        NOW,
      ),
    ).toEqual([
      { kind: "unsealed", since: late.sealed_at },
      { kind: "idle_orders", count: 2 },
      { kind: "gave_up", service: "ledger", count: 1 },
      { kind: "gave_up", service: "payments", count: 4 },
    ]);
  });
  test("old books that are whole are no worry", () => {
    const quiet = { ...books, sealed_at: "2026-11-01T00:00:00Z", unsealed: false };
    expect(worriesOf({ books: quiet }, NOW)).toEqual([]);
  });
});
