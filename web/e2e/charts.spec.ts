import { AxeBuilder } from "@axe-core/playwright";
import { expect, test } from "@playwright/test";
import { deposit, errorsOf, register, signIn } from "./customer";
import { platform } from "./platform";
import { buy, fetchThrough, startOrigin } from "./traffic";

test("the throughput is drawn, and its numbers are a table one click away", async ({ page }) => {
  const errors = errorsOf(page);
  const email = await register(page);
  await deposit(email, "20");
  await buy(email);
  await signIn(page, email);
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  const { authority, server } = await startOrigin(300_000);
  await fetchThrough(email, `http://${authority}/`);
  const chart = page.getByRole("img", { name: "Throughput of the last five minutes" });
  await expect(chart).toBeVisible();
  await page
    .getByRole("group", { name: /^Show Throughput/ })
    .getByText("Table")
    .click();
  const table = page.getByRole("table", { name: "Throughput of the last five minutes" });
  await expect(table.getByRole("columnheader", { name: "Received" })).toBeVisible();
  await expect(table.getByRole("cell", { name: /[1-9].*B\/s$/ }).first()).toBeVisible();
  await expect(chart).toBeHidden();
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);
  server.close();
  expect(errors).toEqual([]);
});

test("the line of a price has its numbers as a table", async ({ page }) => {
  const email = await register(page);
  await signIn(page, email);
  await page.route("**/api/catalog/prices*", async (route) => {
    const answer = await route.fetch();
    const { items, ...rest } = (await answer.json()) as { items: object[] };
    const before = { ...items[0], list_price: "9.870000", since: "2026-01-05T12:00:00Z" };
    await route.fulfill({ response: answer, json: { ...rest, items: [...items, before] } });
  });
  await page.goto(`${platform().api}/billing/catalogue`);
  await page.getByText("Show as a table").first().click();
  const table = page.getByRole("table", { name: /^Price of/ }).first();
  await expect(table.getByRole("row", { name: /Jan 5, 2026.*9\.87/ })).toBeVisible();
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);
});
