import { describe, expect, test } from "vitest";
import { changeOf, nameOf, PERIODS, spanOf } from "./period";

const NOW = new Date(2026, 10, 29, 13, 7, 5);

describe("periods", () => {
  test("days begin at midnight, and today is the last of them", () => {
    const { since, until, interval } = spanOf("7d", NOW);
    expect([since, until, interval]).toEqual([new Date(2026, 10, 23), new Date(2026, 10, 30), "day"]);
  });
  test("a year is twelve months, the present one included", () => {
    const { since, interval } = spanOf("12m", NOW);
    expect([since, interval]).toEqual([new Date(2025, 11, 1), "month"]);
  });
  test("a day is the last 24 hours in whole hours, the present one included", () => {
    const { since, until, interval } = spanOf("24h", NOW);
    expect(interval).toBe("hour");
    expect(until.getTime()).toBeGreaterThan(NOW.getTime());
    expect(until.getTime() - since.getTime()).toBe(86_400_000);
    expect(until.getTime() % 3_600_000).toBe(0);
  });
  test.each(PERIODS)("%s ends after now", (period) => {
    expect(spanOf(period, NOW).until.getTime()).toBeGreaterThan(NOW.getTime());
  });
});

describe("changes", () => {
  test.each([
    [150n, 100n, 50],
    [0n, 100n, -100],
    [100n, 100n, 0],
    [7n, 0n, null],
    [10n ** 18n, 3n * 10n ** 18n, -66.6],
  ])("from %s after %s is %s per cent", (now, before, change) => {
    expect(changeOf(now, before)).toBe(change);
  });
});

test("points are called after their length", () => {
  expect(nameOf(NOW, "day", "en")).toBe("Nov 29");
  expect(nameOf(NOW, "month", "en")).toBe("Nov 2026");
  expect(nameOf(NOW, "hour", "en-GB")).toContain("13:07");
});
