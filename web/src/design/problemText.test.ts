import { readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";

vi.mock("@lingui/core/macro", () => ({ msg: (parts: TemplateStringsArray) => ({ id: parts.join("") }) }));
const { PROBLEMS } = await import("./problemText");

interface Api {
  components: { responses: Record<string, { "x-problems"?: string[] }> };
}
const api = JSON.parse(
  readFileSync(new URL("../../../src/tollway/fabric/rest/openapi.json", import.meta.url), "utf8"),
) as Api;
const codes = [...new Set(Object.values(api.components.responses).flatMap((one) => one["x-problems"] ?? []))].sort();

test("the API names its problems", () => {
  expect(codes.length).toBeGreaterThan(40);
});
test.each(codes)("%s has words in every language of the console", (code) => {
  expect(PROBLEMS[code]).toBeDefined();
});
