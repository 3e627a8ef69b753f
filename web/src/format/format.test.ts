import { describe, expect, test } from "vitest";
import { formatBytes, formatExactBytes, formatRate } from "./bytes";
import { add, compare, isZero, parseDecimal, subtract } from "./decimal";
import { formatMeteredMoney, formatMoney } from "./money";
import { formatCountdown, formatDuration, formatRelative } from "./time";

const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, " ");

describe("decimal text", () => {
  test.each([
    ["9.95", "0.05", "10.00"],
    ["0.1", "0.2", "0.3"],
    ["99999999999999999999.999999", "0.000001", "100000000000000000000.000000"],
  ])("%s + %s = %s", (left, right, sum) => {
    expect(add(left, right)).toBe(sum);
    expect(compare(subtract(sum, right), left)).toBe(0);
  });
  test.each(["", "1e3", "1,5", "--1", "NaN", "1.", " 1"])("%j is no decimal number", (text) => {
    expect(() => parseDecimal(text)).toThrow(RangeError);
  });
  test("zero is zero at every scale", () => {
    expect([isZero("0"), isZero("-0.000"), isZero("0.001")]).toEqual([true, true, false]);
  });
});

describe("money", () => {
  test.each([
    ["9.95", "EUR", "en", "€9.95"],
    ["1.5", "EUR", "de", "1,50 €"],
    ["1.50", "JPY", "en", "¥1.5"],
    ["1.500", "KWD", "en", "KWD 1.500"],
    ["-12", "USD", "en", "−$12.00"],
    ["0.000213", "EUR", "en", "€0.000213"],
    ["12345678901234567.89", "USD", "en", "$12,345,678,901,234,567.89"],
  ])("%s %s in %s is %s", (amount, currency, locale, text) => {
    expect(plain(formatMoney(amount, currency, locale))).toBe(text);
  });
  test("what a few bytes cost is never shown as nothing", () => {
    expect(formatMeteredMoney("0.0000004", "EUR", "en")).toBe("< €0.000001");
    expect(formatMeteredMoney("0.0213000", "EUR", "en")).toBe("€0.0213");
    expect(formatMeteredMoney("0", "EUR", "en")).toBe("€0.00");
  });
});

describe("bytes", () => {
  test.each([
    ["0", "0 B"],
    ["999", "999 B"],
    ["1000", "1 kB"],
    ["999499", "999 kB"],
    ["1000000000", "1 GB"],
    ["12400000000", "12.4 GB"],
    ["999999999999", "1 TB"],
    ["-1500", "−1.5 kB"],
  ])("%s is %s", (count, text) => {
    expect(formatBytes(count, "en")).toBe(text);
  });
  test("three figures, and the exact count beside it", () => {
    expect(formatBytes("123456789", "en")).toBe("123 MB");
    expect(formatExactBytes("12400000001", "en")).toBe("12,400,000,001");
    expect(formatRate(2_100_000, "de")).toBe("2,1 MB/s");
  });
});

describe("time", () => {
  const now = new Date("2026-11-28T12:00:00Z");
  test.each([
    ["2026-11-28T11:59:30Z", "30 sec. ago"],
    ["2026-11-28T11:15:00Z", "45 min. ago"],
    ["2026-11-28T02:00:00Z", "10 hr. ago"],
    ["2026-11-01T02:00:00Z", "Nov 1, 2026"],
  ])("%s is %s", (at, text) => {
    expect(formatRelative(new Date(at), now, "en")).toBe(text);
  });
  test("counts down in whole seconds and stops at nothing", () => {
    expect([formatCountdown(41.2), formatCountdown(725), formatCountdown(-3)]).toEqual(["0:42", "12:05", "0:00"]);
  });
  test("durations", () => {
    expect([350, 4200, 720_000, 10_800_000, 7_776_000_000].map((ms) => formatDuration(ms, "en"))).toEqual([
      "350 ms",
      "4.2 s",
      "12 min",
      "3 h",
      "90 d",
    ]);
  });
});
