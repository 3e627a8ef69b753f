import { readdirSync, readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";

vi.mock("@lingui/core/macro", () => ({ msg: (parts: TemplateStringsArray) => ({ id: parts.join("") }) }));
vi.mock("@lingui/react/macro", () => ({}));
const { ACTIONS } = await import("@/pages/operate/audit/actionName");
const { TOPICS } = await import("@/pages/operate/audit/topicName");
const { PURPOSES } = await import("@/pages/operate/books/purposeName");
const { CREDENTIAL_KINDS } = await import("./credentialKind");
const { CODE_NAMES, STATEMENT_CODES } = await import("./codeName");
const { TERMINATE_CAUSES } = await import("./endedBy");
const { FLOW_PROTOCOLS } = await import("./flowProtocol");
const { ORDER_STEPS } = await import("./orderStep");
const { PROVIDERS } = await import("./providerName");
const { TIERS } = await import("./tierName");

// What the platform calls things, read where it declares them; each has a name that people read.
const PLATFORM = new URL("../../../src/tollway/", import.meta.url);
interface Choice {
  enum?: string[];
  anyOf?: { enum?: string[] }[];
}
const document = JSON.parse(readFileSync(new URL("fabric/rest/openapi.json", PLATFORM), "utf8")) as {
  paths: Record<string, Record<string, { "x-tollway"?: { audit?: string } }>>;
  components: { schemas: Record<string, { enum?: string[]; properties?: Record<string, Choice> }> };
};
const { schemas } = document.components;

function found(folder: string, pattern: RegExp): string[] {
  const at = new URL(folder, PLATFORM);
  const files = readdirSync(at).filter((name) => name.endsWith(".py"));
  return files.flatMap((name) =>
    [...readFileSync(new URL(name, at), "utf8").matchAll(pattern)].map(([, word = ""]) => word),
  );
}

test("each topic of an event has a name, and no other", () => {
  const topics = found("contracts/events/", /^ {4}topic, source = "([A-Z_]+)"/gm);
  expect(topics.length).toBeGreaterThan(50);
  expect(Object.keys(TOPICS).sort()).toEqual(topics.sort());
});

test("each kind of transaction that a service declares has a name, and so has what the ledger posts itself", () => {
  const declared = found("contracts/chart/", /^KINDS = \((.+)\)$/gm).flatMap((kinds) => kinds.match(/[a-z_]+/g) ?? []);
  expect(declared.length).toBeGreaterThan(10);
  expect(Object.keys(CODE_NAMES).sort()).toEqual([...declared, "open"].sort());
  expect(STATEMENT_CODES.filter((code) => !(code in CODE_NAMES))).toEqual([]);
});

test("each step of an order has a name", () => {
  expect(Object.keys(ORDER_STEPS).sort()).toEqual(schemas.OrderState?.enum?.toSorted());
});

test("each kind of credential has a name", () => {
  expect(Object.keys(CREDENTIAL_KINDS).sort()).toEqual(schemas.CredentialView?.properties?.kind?.enum?.toSorted());
});

test("each tier that the platform comes with has a name", () => {
  const tiers = found("services/catalog/model/", /_bandwidth\(\s*"([a-z]+)"/gm);
  expect(tiers.length).toBeGreaterThan(0);
  expect(tiers.filter((tier) => !(tier in TIERS))).toEqual([]);
});

test("each protocol that a proxy node speaks has a name", () => {
  const spoken = found("services/access/kinds/", /protocols=\{(.+)\},$/gm).flatMap((map) =>
    [...map.matchAll(/"([a-z0-9]+)":/g)].map(([, word = ""]) => word),
  );
  expect(spoken.length).toBeGreaterThan(0);
  expect(Object.keys(FLOW_PROTOCOLS).sort()).toEqual(spoken.sort());
});

test("each action in the audit trail has a name, and no other", () => {
  const actions = Object.values(document.paths)
    .flatMap((methods) => Object.values(methods))
    .flatMap((route) => route["x-tollway"]?.audit || []);
  expect(actions.length).toBeGreaterThan(50);
  expect(Object.keys(ACTIONS).sort()).toEqual([...new Set(actions)].sort());
});

test("each purpose of an account that the chart declares has a name, and no other", () => {
  const declared = found("contracts/chart/", /^[A-Z_, ]+ = ("[a-z_", ]+)$/gm).flatMap((some) => some.match(/[a-z_]+/g));
  expect(declared.length).toBeGreaterThan(10);
  expect(Object.keys(PURPOSES).sort()).toEqual([...new Set(["available", ...declared])].sort());
});

test("each payment provider that the platform comes with has a name", () => {
  const folder = new URL("services/payments/providers/", PLATFORM);
  const providers = readdirSync(folder, { withFileTypes: true }).filter(
    (one) => one.isDirectory() && one.name[0] !== "_",
  );
  expect(Object.keys(PROVIDERS).sort()).toEqual(providers.map(({ name }) => name).sort());
});

test("each cause why a connection ends has a name", () => {
  const causes = schemas.ConnectionView?.properties?.terminate_cause?.anyOf?.flatMap((one) => one.enum ?? []);
  expect(causes?.length).toBeGreaterThan(5);
  expect(Object.keys(TERMINATE_CAUSES).sort()).toEqual(causes?.filter(Boolean).sort());
});
