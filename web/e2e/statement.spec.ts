import { readFile } from "node:fs/promises";
import { expect, test } from "@playwright/test";
import { deposit, errorsOf, program, register, signIn } from "./customer";
import { platform } from "./platform";
import { buy, fetchThrough, startOrigin } from "./traffic";

test("a statement is filtered by the platform, keeps its filters in the address, opens to what was used, and is taken along", async ({
  page,
}) => {
  const errors = errorsOf(page);
  const { authority, server } = await startOrigin(2_000_000);
  const [email, friend] = [await register(page), await register(page)];
  await deposit(email, "20");
  await buy(email);
  await fetchThrough(email, `http://${authority}/file`);
  server.close();
  const call = await program(email);
  const gift = { to_email: friend, asset: "USD", amount: "1.00", note: "=HYPERLINK(1) for lunch" };
  await call("POST", "/api/transactions", gift, `gift-${email}`);

  await signIn(page, email);
  await page.goto(`${platform().api}/billing/statement`);
  const table = page.getByRole("table", { name: "Statement" });
  await expect(table.getByText("Purchase").first()).toBeVisible();
  await expect(table.getByText("Deposit")).toBeVisible();

  await page.getByRole("combobox", { name: "What" }).selectOption("give");
  await expect(page).toHaveURL(/code=give/);
  await expect(table.getByRole("row")).toHaveCount(2);
  await page.getByRole("searchbox", { name: "Search" }).fill("LUNCH");
  await expect(page).toHaveURL(/q=LUNCH/);
  await page.reload();
  await expect(page.getByRole("searchbox", { name: "Search" })).toHaveValue("LUNCH");
  await expect(table.getByText("=HYPERLINK(1) for lunch")).toBeVisible();

  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "CSV" }).click()]);
  const lines = (await readFile(await file.path(), "utf8")).trim().split("\r\n");
  expect(file.suggestedFilename()).toBe("tollway-statement.csv");
  expect(lines).toHaveLength(2);
  expect(lines[1]).toContain("'=HYPERLINK(1) for lunch");

  // Back takes the filter away again, and what is typed follows it.
  await page.goBack();
  await expect(page).not.toHaveURL(/code=/);
  await expect(page.getByRole("searchbox", { name: "Search" })).toHaveValue("");
  await expect(table.getByText("Deposit")).toBeVisible();

  await page.getByLabel("To", { exact: true }).fill("2020-01-01");
  await expect(page.getByText("No line matches these filters.")).toBeVisible();
  await page.getByRole("button", { name: "Clear the filters" }).click();
  // What was used arrives with the node's next report.
  await expect(async () => {
    await page.reload();
    await expect(table.getByText("Use", { exact: true }).first()).toBeVisible({ timeout: 2_000 });
  }).toPass();
  await table.getByText("Use", { exact: true }).first().click();
  const drawer = page.getByRole("dialog", { name: "Transaction" });
  await expect(drawer.getByRole("list", { name: "Usage records" }).getByText(authority)).toBeVisible();
  await expect(page).toHaveURL(/transaction=txn_/);
  await page.goBack();
  await expect(drawer).toBeHidden();
  expect(errors).toEqual([]);
});
