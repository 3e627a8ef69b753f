import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { may, mayOperate, PERMISSIONS } from "./permissions";

interface Document {
  paths: Record<string, Record<string, { "x-tollway"?: { permission: string; owner: string } }>>;
}

const document = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../../src/tollway/fabric/rest/openapi.json"), "utf8"),
) as Document;
const policies = Object.values(document.paths)
  .flatMap((methods) => Object.values(methods))
  .flatMap((operation) => operation["x-tollway"] ?? []);

describe("permissions", () => {
  test("the pages ask about every permission that only operators have, and about no other", () => {
    const operators = new Set(policies.filter(({ owner }) => owner === "any").map(({ permission }) => permission));
    expect([...PERMISSIONS].sort()).toEqual([...operators].sort());
  });
  test("whoever may do one thing here may come here, and a customer may not", () => {
    const customers = [...new Set(policies.filter(({ owner }) => owner === "self").map((one) => one.permission))];
    expect(mayOperate({ permissions: customers })).toBe(false);
    expect(mayOperate({ permissions: [...customers, "nodes:read"] })).toBe(true);
    expect(may({ permissions: ["nodes:read"] }, "users:read")).toBe(false);
    expect([mayOperate(null), may(undefined, "users:read")]).toEqual([false, false]);
  });
});
