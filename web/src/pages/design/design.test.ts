import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const components = readdirSync(new URL("../../design", import.meta.url))
  .filter((file) => file.endsWith(".tsx"))
  .map((file) => file.replace(/\.tsx$/, ""));
const page = readFileSync(new URL("./DesignPage.tsx", import.meta.url), "utf8");

// They show a list that is loaded page by page; the page shows what they are made of.
const MADE_OF_OTHERS = ["List", "Loaded"];

test.each(components.filter((name) => !MADE_OF_OTHERS.includes(name)))(
  "%s stands on the page of the design system",
  (name) => {
    expect(page).toContain(`from "@/design/${name}"`);
  },
);
