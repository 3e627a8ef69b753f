import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

// Tailwind's classes for one physical side; each has a logical one (ms-, pe-, start-, text-end, rounded-s-, border-e …) that turns with the script.
const PHYSICAL =
  /(?<![\w-])-?(?:m[lr]|p[lr]|left|right|scroll-m[lr]|scroll-p[lr]|border-[lr]|rounded-[lr]|rounded-[tb][lr])(?:-[\w./[\]-]+)?(?=[\s"'`])|(?<![\w-])(?:text|float|clear)-(?:left|right)(?=[\s"'`])/;
const CLASSES = /className=(?:"[^"]*"|\{`[^`]*`\})|^(?:const|export const) [A-Z_]+ =\s*"[^"]*"/gm;

const ROOT = join(import.meta.dirname, "..");
const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".tsx"));

test("no class names a physical side, so that pages can be written from right to left", () => {
  const found = files.flatMap((name) =>
    (readFileSync(join(ROOT, name), "utf8").match(CLASSES) ?? [])
      .filter((classes) => PHYSICAL.test(classes))
      .map((classes) => `${name}: ${classes}`),
  );
  expect(files.length).toBeGreaterThan(60);
  expect(found).toEqual([]);
});

test.each(["ml-2", "pr-4", "left-0", "-ml-4", "text-right", "rounded-tl-card", "border-l"])(
  "%s would be found",
  (one) => {
    expect(PHYSICAL.test(`className="grid ${one} gap-2"`)).toBe(true);
  },
);
test.each(["ms-2", "pe-4", "start-0", "text-end", "border-line", "rounded-lg", "leading-4", "place-items-center"])(
  "%s would not",
  (one) => {
    expect(PHYSICAL.test(`className="grid ${one} gap-2"`)).toBe(false);
  },
);
