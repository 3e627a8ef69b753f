import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");
const tokens = new Map(
  [...css.matchAll(/--color-([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)].map(
    ([, name = "", light = "", dark = ""]) => [name, { light, dark }],
  ),
);

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(front: string, back: string): number {
  const [dark = 0, light = 0] = [luminance(front), luminance(back)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function value(name: string, theme: "light" | "dark"): string {
  const token = tokens.get(name);
  if (!token) throw new Error(`there is no token ${name}`);
  return token[theme];
}

const TEXT: [string, string[]][] = [
  ["text", ["page", "surface", "sunken"]],
  ["text-2", ["page", "surface", "sunken"]],
  ["text-3", ["page", "surface", "sunken"]],
  ["accent", ["page", "surface", "accent-soft"]],
  ["on-accent", ["accent", "accent-hover"]],
  ["ok", ["surface", "ok-soft"]],
  ["warn", ["surface", "warn-soft"]],
  ["bad", ["surface", "bad-soft"]],
];

describe.each(["light", "dark"] as const)("in the %s theme", (theme) => {
  test.each(TEXT.flatMap(([front, backs]) => backs.map((back) => [front, back] as const)))(
    "%s can be read on %s (WCAG 1.4.3)",
    (front, back) => {
      expect(contrast(value(front, theme), value(back, theme))).toBeGreaterThanOrEqual(4.5);
    },
  );
  test.each(["control", "chart-1", "chart-2", "chart-3", "chart-4", "chart-5"])(
    "%s can be seen on a surface (WCAG 1.4.11)",
    (name) => {
      expect(contrast(value(name, theme), value("surface", theme))).toBeGreaterThanOrEqual(3);
    },
  );
});
