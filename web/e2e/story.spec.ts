import { execFile } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { expect, test } from "@playwright/test";
import { deposit, errorsOf, mailedLink, PASSWORD, register, signIn } from "./customer";
import { platform } from "./platform";

const BODY = Buffer.alloc(3_000_000, "x");
let origin: Server;

test.beforeAll(async () => {
  origin = createServer((_request, answer) => answer.end(BODY));
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.2", resolve));
});
test.afterAll(() => origin.close());

test("from the registration to the first byte, seen live, to the statement", async ({ page }) => {
  const errors = errorsOf(page);
  const email = await register(page);
  await signIn(page, email);
  await expect(page.getByText("Three steps to your first connection")).toBeVisible();
  await deposit(email, "20");

  await page.getByRole("link", { name: "See the catalogue" }).click();
  await page.getByRole("button", { name: "Buy", exact: true }).first().click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("kept for")).toBeVisible();
  await dialog.getByRole("button", { name: "Buy", exact: true }).click();
  await expect(page.getByText("Bought. You can use it now.")).toBeVisible();

  await page.getByRole("navigation", { name: "Pages" }).first().getByRole("link", { name: "Dashboard" }).click();
  await expect(page.getByText("1 GB left")).toBeVisible();
  await page.getByRole("main").getByRole("button", { name: "Connect", exact: true }).click();
  const command = (await page.locator("pre").textContent()) ?? "";
  const proxy = /--proxy '([^']+)'/.exec(command)?.[1] ?? "";
  const address = origin.address() as AddressInfo;
  await promisify(execFile)("curl", [
    "-sS",
    "-f",
    "-o",
    "/dev/null",
    "--proxy",
    proxy,
    `http://127.0.0.2:${address.port}/file`,
  ]);

  // Nothing is pressed: the WebSocket brings it.
  await expect(
    page
      .getByRole("term")
      .filter({ hasText: "Today" })
      .locator("..")
      .getByText(/^3(\.\d+)? MB/),
  ).toBeVisible();
  await page.goto(`${platform().api}/connection`);
  await expect(page.getByRole("table").getByText(`127.0.0.2:${address.port}`)).toBeVisible();

  await page.goto(`${platform().api}/billing/statement`);
  await expect(page.getByRole("table").getByText("Use", { exact: true }).first()).toBeVisible();
  await page.getByRole("table").getByText("Purchase").first().click();
  await expect(page.getByRole("dialog").getByRole("heading", { name: "Lines" })).toBeVisible();
  expect(errors).toEqual([]);
});

test("a forgotten password is replaced by the mailed link", async ({ page }) => {
  const email = await register(page);
  await page.goto(`${platform().api}/forgot`);
  await page.getByLabel("E-mail").fill(email);
  await page.getByRole("button", { name: "Send the link" }).click();
  await expect(page.getByText("Look into your mail")).toBeVisible();
  await expect.poll(() => mailedLink(email)).toContain("/reset-password");
  await page.goto(await mailedLink(email));
  await expect(page).not.toHaveURL(/token/);
  await page.getByLabel("Password", { exact: true }).fill(`${PASSWORD} two`);
  await page.getByRole("button", { name: "Set the password" }).click();
  await expect(page.getByText("Your password is set")).toBeVisible();
  await signIn(page, email, `${PASSWORD} two`);
});

test("a wrong password is refused without saying what is wrong, and a foreign address after it is not followed", async ({
  page,
}) => {
  const { api } = platform();
  const email = await register(page);
  await page.goto(`${api}/login?next=//evil.example/`);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toHaveText("Wrong e-mail or password.");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${api}/dashboard`);
});

test("a session that ended elsewhere asks to sign in over the page, and what was typed is kept", async ({
  page,
  browser,
}) => {
  const email = await register(page);
  await signIn(page, email);
  await page.goto(`${platform().api}/account`);
  await page.getByLabel("Name", { exact: true }).fill("Ada");
  const other = await (await browser.newContext()).newPage();
  await signIn(other, email);
  await other.goto(`${platform().api}/account`);
  const row = other.getByRole("row").filter({ hasNotText: "This one" }).filter({ hasText: "Sign out" });
  await row.getByRole("button", { name: "Sign out" }).click();
  await expect(other.getByText("Signed out there.")).toBeVisible();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("You are signed out")).toBeVisible();
  await dialog.getByLabel("E-mail").fill(email);
  await dialog.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await dialog.getByRole("button", { name: "Sign in" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("Ada");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();
});

test("an operator suspends a customer, who sees it at once", async ({ page, browser }) => {
  const { api, operator } = platform();
  const email = await register(page);
  await signIn(page, email);
  const theirs = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  await signIn(theirs, operator.email, operator.password);
  await theirs.goto(`${api}/operate/customers?q=${encodeURIComponent(email)}`);
  await theirs.getByRole("table").getByText(email).click();
  await theirs.getByLabel("Why is it suspended?").fill("card fraud check");
  await theirs.getByRole("button", { name: "Suspend the account" }).click();
  // Nothing is pressed on the customer's page, and it is said within a second.
  await expect(theirs.getByText("The account is suspended.", { exact: false })).toBeVisible();
  await expect(page.getByRole("dialog", { name: "You are signed out" })).toBeVisible({ timeout: 1_000 });
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("Account suspended");
  await theirs.getByLabel("Why is it restored?").fill("cleared");
  await theirs.getByRole("button", { name: "Restore the account" }).click();
  await expect(theirs.getByText("The account can be used again.")).toBeVisible();
});
