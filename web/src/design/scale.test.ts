import { expect, test } from "vitest";
import { scaleEnd } from "./scale";

test.each([
  [1, 1],
  [1_000, 1_000],
  [1_001, 2_000],
  [2_100_000, 5_000_000],
  [7_300_000, 10_000_000],
])("a scale for %i ends at %i", (value, end) => {
  expect(scaleEnd(value)).toBe(end);
});
