import { expect, test } from "vitest";
import { isFiltered, lineQuery } from "./statement";

test("days of the reader's clock become moments, the last day included", () => {
  const { since = "", until = "" } = lineQuery({ since: "2026-11-01", until: "2026-11-30" });
  expect(new Date(since).getTime()).toBe(new Date(2026, 10, 1).getTime());
  expect(new Date(until).getTime()).toBe(new Date(2026, 11, 1).getTime());
});
test("a day that a clock change makes longer is a whole day still", () => {
  const { since = "", until = "" } = lineQuery({ since: "2026-10-25", until: "2026-10-25" });
  expect(new Date(until).getHours()).toBe(0);
  expect(new Date(until).getDate() - new Date(since).getDate()).toBe(1);
});
test("what is empty is not asked for", () => {
  expect(lineQuery({ q: "  ", asset: "", code: undefined })).toEqual({});
  expect(isFiltered({ q: "" })).toBe(false);
  expect(isFiltered({ code: "buy" })).toBe(true);
});
test("a text is as long as the platform takes it", () => {
  expect(lineQuery({ q: "x".repeat(200) }).q).toHaveLength(100);
});
