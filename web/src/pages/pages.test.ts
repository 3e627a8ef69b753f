import { describe, expect, test } from "vitest";
import { deviceName } from "@/parts/device";
import { snippets } from "./dashboard/snippets";
import { strength } from "./entry/strength";
import { isAmount } from "./operate/customers/amount";

describe("snippets", () => {
  const url = "http://login:p%27a%24s%22s@127.0.0.1:8080";
  test.each(snippets(url).map(({ name, text }) => [name, text] as const))("%s names the proxy", (_name, text) => {
    expect(text).toContain("127.0.0.1:8080");
  });
  test("a quote in a password does not end the shell's string", () => {
    expect(snippets("http://u:a'b@h:1")[0]?.text).toContain("'\\''");
  });
});

describe("password strength", () => {
  test.each([
    ["short", 0],
    ["aaaaaaaaaaaa", 1],
    ["correct horse battery staple", 3],
    ["Correct horse 4 battery!", 4],
  ])("%s is %i", (password, score) => {
    expect(strength(password)).toBe(score);
  });
});

describe("an amount of money that an operator types", () => {
  test.each([
    ["2", true],
    ["2.20", true],
    ["0.000001", true],
    ["123456789.123456", true],
    ["0", false],
    ["0.00", false],
    ["-2", false],
    ["+2", false],
    ["2,20", false],
    ["1e3", false],
    ["2.1234567", false],
    ["", false],
    [" 2", false],
  ])("%s: %s", (text, good) => {
    expect(isAmount(text)).toBe(good);
  });
});

describe("device names", () => {
  test.each([
    ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"],
    [
      "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Safari/604.1",
      "Safari, iOS",
    ],
    ["curl/8.5.0", "curl"],
    ["node", "Node"],
    ["", undefined],
  ])("%s", (agent, name) => {
    expect(deviceName(agent)).toBe(name);
  });
});
