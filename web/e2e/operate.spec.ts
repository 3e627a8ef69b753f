import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";
import { deposit, errorsOf, program, register, signIn } from "./customer";
import { platform } from "./platform";

/** Somebody with money and an order, and an operator's page. */
async function customerAndOperator(page: Page): Promise<{ email: string; id: string }> {
  const email = await register(page);
  const call = await program(email);
  await deposit(email, "20");
  const order = { asset: "bandwidth.datacenter.standard", quantity: "1000000000", currency: "USD" };
  await expect(async () => call("POST", "/api/orders", order, `order-${email}-${Date.now()}`)).toPass();
  const { id } = (await call("GET", "/api/auth/me")) as { id: string };
  const { operator } = platform();
  await signIn(page, operator.email, operator.password);
  return { email, id };
}

async function accessible(page: Page): Promise<void> {
  // What is still fading in has less contrast for a moment.
  await page.evaluate(async () => {
    const ending = document
      .getAnimations()
      .filter((one) => one.effect?.getComputedTiming().iterations !== Number.POSITIVE_INFINITY);
    await Promise.allSettled(ending.map((one) => one.finished));
  });
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`)).toEqual(
    [],
  );
}

test("an operator follows a customer's money from the account to the transaction, and sees the order", async ({
  page,
}) => {
  const errors = errorsOf(page);
  const { id } = await customerAndOperator(page);
  // The statement's lines arrive before the accounts, which say what they are of.
  await page.route("**/accounts", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await route.continue();
  });
  await page.goto(`${platform().api}/operate/customers?customer=${id}&part=money`);
  const drawer = page.getByRole("dialog");
  await expect(drawer.getByRole("table", { name: "Accounts" }).getByText("USD")).toBeVisible();
  await accessible(page);
  await drawer.getByRole("table", { name: "Statement" }).getByText("Purchase").first().click();
  await expect(drawer.getByRole("heading", { name: "Lines" })).toBeVisible();
  await drawer.getByRole("button", { name: "Back to the statement" }).click();

  await drawer.getByRole("tab", { name: "Money" }).focus();
  await page.keyboard.press("ArrowRight");
  await expect(page).toHaveURL(/part=payments/);
  await page.keyboard.press("ArrowRight");
  await expect(page).toHaveURL(/part=orders/);
  await drawer.getByRole("table", { name: "Orders" }).getByText("Delivered").first().click();
  await expect(drawer.getByText("Data set aside")).toBeVisible();
  await accessible(page);
  await drawer.getByRole("tab", { name: "Access" }).click();
  await expect(drawer.getByText("Nothing is open now.").or(drawer.getByText("No connection matches."))).toBeVisible();
  await accessible(page);
  await drawer.getByRole("tab", { name: "Payments" }).click();
  await drawer.getByRole("button", { name: "Correct the wallet" }).click();
  const dialog = page.getByRole("dialog", { name: "Correct the wallet" });
  await accessible(page);
  await dialog.getByLabel("Amount").fill("2.50");
  await dialog.getByLabel("Why").fill("goodwill");
  await dialog.getByRole("button", { name: "Give it" }).click();
  await expect(drawer.getByRole("table", { name: "Corrections" }).getByText("goodwill")).toBeVisible();
  await drawer.getByRole("tab", { name: "E-mails" }).click();
  await expect(drawer.getByRole("table", { name: "E-mails" }).getByText("Sent").first()).toBeVisible();
  await drawer.getByRole("tab", { name: "Sign-ins" }).click();
  await drawer.getByRole("button", { name: "Sign out everywhere" }).click();
  const leaving = page.getByRole("dialog", { name: "Sign out everywhere" });
  await leaving.getByLabel("Why").fill("a stolen laptop");
  await leaving.getByRole("button", { name: "Sign out" }).click();
  await expect(drawer.getByText("Not signed in anywhere.")).toBeVisible();
  await accessible(page);
  await drawer.getByRole("tab", { name: "History" }).click();
  await drawer.getByLabel("Note").fill("Called about an invoice");
  await drawer.getByRole("button", { name: "Add the note" }).click();
  await expect(drawer.getByText("Called about an invoice")).toBeVisible();
  await expect(drawer.getByRole("table", { name: "What happened" }).getByText("Correction posted")).toBeVisible();
  await accessible(page);
  expect(errors).toEqual([]);
});

test("support sees what operators see, and is offered only what it may do", async ({ page }) => {
  const errors = errorsOf(page);
  const { api, operator } = platform();
  const { email, id } = await customerAndOperator(page);
  const support = await register(page);
  const { id: supportId } = (await (await program(support))("GET", "/api/auth/me")) as { id: string };
  const admin = await program(operator.email, operator.password);
  await admin("PUT", `/api/admin/users/${supportId}/roles`, { roles: ["customer", "support"], reason: "hired" });
  await signIn(page, support);

  await page.goto(`${api}/operate/prices`);
  const places = page.getByRole("navigation", { name: "Pages" }).first();
  await expect(places.getByRole("link", { name: "Audit" })).toBeVisible();
  await expect(places.getByRole("link", { name: "Keys" })).toHaveCount(0);
  await expect(page.getByRole("table", { name: "Assets" })).toBeVisible();
  await expect(page.getByRole("table", { name: "Products" })).toBeVisible();
  await expect(page.getByRole("button", { name: /^(Price|Capacity|Take off sale)$/ })).toHaveCount(0);
  await accessible(page);

  await page.goto(`${api}/operate/customers?customer=${id}&part=overview`);
  const drawer = page.getByRole("dialog", { name: email });
  await expect(drawer.getByText(id)).toBeVisible();
  await expect(drawer.getByRole("button", { name: /^(Change|Suspend the account)$/ })).toHaveCount(0);
  await drawer.getByRole("tab", { name: "Payments" }).click();
  await expect(drawer.getByRole("table", { name: "Deposits" })).toBeVisible();
  await expect(drawer.getByRole("button", { name: /^(Refund|Correct the wallet)$/ })).toHaveCount(0);
  await drawer.getByRole("tab", { name: "Sign-ins" }).click();
  await expect(drawer.getByRole("button", { name: "Sign out everywhere" })).toBeVisible();

  for (const closed of ["keys"]) {
    await page.goto(`${api}/operate/${closed}`);
    await expect(page).toHaveURL(/\/operate$/);
  }
  expect(errors).toEqual([]);
});

test("customers are found by how their address begins, and sorted at the heads of the table", async ({ page }) => {
  const errors = errorsOf(page);
  const { api, operator } = platform();
  const { email, id } = await customerAndOperator(page);
  await page.goto(`${api}/operate/customers`);
  const table = page.getByRole("table", { name: "Customers" });
  await page.getByLabel("E-mail or id").fill(email.slice(0, -12));
  await expect(table.getByRole("row")).toHaveCount(2);
  await page.getByLabel("E-mail or id").fill(id);
  await expect(page).toHaveURL(new RegExp(`q=${id}`));
  await expect(table.getByText(email)).toBeVisible();
  await page.getByLabel("E-mail or id").fill("");
  await table.getByRole("button", { name: "E-mail" }).click();
  await expect(page).toHaveURL(/sort=email/);
  await expect(table.getByRole("columnheader", { name: "E-mail" })).toHaveAttribute("aria-sort", "ascending");
  await table.getByRole("button", { name: "E-mail" }).click();
  await expect(page).toHaveURL(/sort=-email/);
  await expect(table.getByRole("row").nth(1)).toContainText(operator.email);
  await accessible(page);
  expect(errors).toEqual([]);
});

test("the books are listed, opened down to a transaction, and verified while one watches", async ({ page }) => {
  const errors = errorsOf(page);
  const { api } = platform();
  const { id } = await customerAndOperator(page);
  await page.goto(`${api}/operate/books`);
  await page.getByRole("button", { name: "Verify now" }).click();
  await expect(page.getByText("It holds")).toBeVisible({ timeout: 60_000 });
  const transactions = page.getByRole("table", { name: "Transactions" });
  await page.getByLabel("Kind").selectOption("buy");
  await expect(page).toHaveURL(/code=buy/);
  await transactions.getByText("Purchase").first().click();
  const drawer = page.getByRole("dialog", { name: "Transaction" });
  await expect(drawer.getByRole("heading", { name: "Lines" })).toBeVisible();
  await accessible(page);
  await drawer.getByRole("button", { name: "Close" }).click();

  await page.getByText("Accounts", { exact: true }).click();
  const accounts = page.getByRole("table", { name: "Accounts" });
  await page.getByLabel("Owner").fill(id);
  await expect(page).toHaveURL(new RegExp(`owner_id=${id}`));
  await expect(accounts.getByRole("row", { name: /USD/ })).toHaveCount(1);
  await accounts.getByRole("button", { name: "Opened" }).click();
  await expect(page).toHaveURL(/sort=/);
  await accessible(page);
  await accounts.getByRole("row", { name: /USD/ }).click();
  await page.getByRole("dialog", { name: "Account" }).getByRole("button", { name: "Deposit" }).click();
  await expect(page.getByRole("dialog", { name: "Transaction" }).getByText("Booked")).toBeVisible();

  await page.goto(`${api}/operate/audit`);
  await page.getByRole("button", { name: "Verify now" }).click();
  await expect(page.getByText("It holds")).toBeVisible({ timeout: 60_000 });
  await accessible(page);
  expect(errors).toEqual([]);
});

test("an operator adds a product and a plan, and sees what a price does before setting it", async ({ page }) => {
  const errors = errorsOf(page);
  const { api } = platform();
  await customerAndOperator(page);
  await page.goto(`${api}/operate/prices`);
  const name = `Residential ${Date.now()}`;
  await page.getByRole("button", { name: "Add a product" }).click();
  const product = page.getByRole("dialog", { name: "Add a product" });
  await product.getByRole("button", { name: "Add it" }).click();
  await expect(product.getByText("Enter what customers read.")).toBeVisible();
  await accessible(page);
  await product.getByLabel("Asset").fill(`bandwidth.residential.t${Date.now()}`);
  await product.getByLabel("Name").fill(name);
  await product.getByLabel("List price of 1 GB").fill("4.20");
  await product.getByRole("button", { name: "Add it" }).click();
  const products = page.getByRole("table", { name: "Products" });
  await expect(products.getByRole("row", { name: new RegExp(name) }).getByText("Not on sale")).toBeVisible();

  await page.getByRole("button", { name: "Add a plan" }).click();
  const plan = page.getByRole("dialog", { name: "Add a plan" });
  await plan.getByLabel("Product").selectOption({ label: name });
  await plan.getByLabel("Quantity").fill("7");
  await plan.getByRole("button", { name: "Add it" }).click();
  await expect(page.getByRole("table", { name: "Plans" }).getByText("7 GB").first()).toBeVisible();

  const assets = page.getByRole("table", { name: "Assets" });
  await assets.getByRole("button", { name: "Price", exact: true }).first().click();
  const price = page.getByRole("dialog", { name: /^Price of/ });
  await price.getByLabel("New list price").fill("3.33");
  await expect(price.getByText("afterwards", { exact: false })).toBeVisible();
  await expect(price.getByText("keep", { exact: false }).or(price.getByText("No quote is open."))).toBeVisible();
  await accessible(page);
  await price.getByLabel("Why").fill("dearer traffic");
  await price.getByRole("button", { name: "Set the price" }).click();
  await expect(page.getByText("The new price is in force.")).toBeVisible();
  await assets.getByRole("button", { name: "Capacity", exact: true }).first().click();
  const capacity = page.getByRole("dialog", { name: /^Capacity of/ });
  await capacity.getByLabel("Add").fill("5");
  await expect(capacity.getByText("afterwards", { exact: false })).toBeVisible();
  await accessible(page);
  expect(errors).toEqual([]);
});

test("an operator sees the gateway: who asks most, endpoints, limits and routes", async ({ page }) => {
  const errors = errorsOf(page);
  const { api } = platform();
  await customerAndOperator(page);
  await page.goto(`${api}/operate/gateway`);
  await expect(page.getByRole("table", { name: "Who asks most" }).getByText(/^usr_/).first()).toBeVisible();
  await expect(page.getByRole("table", { name: "Endpoints" }).getByRole("row", { name: /^ledger/ })).toBeVisible();
  await expect(page.getByRole("table", { name: "Limits" }).getByText("verification")).toBeVisible();
  await page.getByLabel("Path or service").fill("/api/admin/gateway");
  const routes = page.getByRole("table", { name: "Routes" });
  await expect(routes.getByRole("row")).toHaveCount(3);
  await expect(routes.getByText("gateway:read").first()).toBeVisible();
  await accessible(page);
  expect(errors).toEqual([]);
});
