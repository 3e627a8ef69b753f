import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const source = readFileSync(new URL("./de.po", import.meta.url), "utf8");
const entries = [...source.matchAll(/^msgid "((?:[^"\\]|\\.)+)"\nmsgstr "((?:[^"\\]|\\.)*)"/gm)].map(
  ([, id = "", text = ""]) => ({ id, text }),
);
const holes = (text: string) => [...text.matchAll(/<\/?\d+\/?>|\{\w+(?=[},])/g)].map(([hole]) => hole).sort();

describe("German", () => {
  test("has a translation of every text", () => {
    expect(entries.length).toBeGreaterThan(100);
    expect(entries.filter(({ text }) => text === "").map(({ id }) => id)).toEqual([]);
  });
  test("keeps what is inserted into each text", () => {
    expect(entries.filter(({ id, text }) => holes(id).join() !== holes(text).join()).map(({ id }) => id)).toEqual([]);
  });
});
