import { expect, type Page, test } from "@playwright/test";
import { deposit, PASSWORD, program, register, signIn } from "./customer";
import { platform } from "./platform";

// What the console answers when something does not go as it should. Each answer says what happened and what to do.

async function openBuyDialog(page: Page): Promise<string> {
  await page.goto(`${platform().api}/billing/catalogue`);
  const answered = page.waitForResponse((answer) => answer.url().endsWith("/api/orders/quote") && answer.ok());
  await page.getByRole("button", { name: "Buy", exact: true }).first().click();
  const { id } = (await (await answered).json()) as { id: string };
  await expect(page.getByRole("dialog").getByText("kept for")).toBeVisible();
  return id;
}

const buyButton = (page: Page) => page.getByRole("dialog").getByRole("button", { name: "Buy", exact: true });

test("402: money that went elsewhere meanwhile is named, with the button that pays it in", async ({ page }) => {
  const [email, friend] = [await register(page), await register(page)];
  await deposit(email, "20");
  await signIn(page, email);
  await openBuyDialog(page);
  const call = await program(email);
  await call("POST", "/api/transactions", { to_email: friend, asset: "USD", amount: "20.00" }, `gift-${email}`);
  await buyButton(page).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("alert")).toContainText("Insufficient funds");
  await expect(dialog.getByText("short.")).toBeVisible();
  await dialog.getByRole("button", { name: "Top up" }).click();
  await expect(page.getByRole("dialog", { name: "Top up the wallet" })).toBeVisible();
});

test("409: a price that was used elsewhere asks for a new one, and the order goes on with it", async ({ page }) => {
  const email = await register(page);
  await deposit(email, "20");
  await signIn(page, email);
  const quote = await openBuyDialog(page);
  await (await program(email))("POST", "/api/orders", { quote_id: quote }, `elsewhere-${email}`);
  await buyButton(page).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("alert")).toContainText("Quote expired");
  await dialog.getByRole("button", { name: "Get a new price" }).click();
  await expect(dialog.getByText("kept for")).toBeVisible();
  await buyButton(page).click();
  await expect(page.getByText("Bought. You can use it now.")).toBeVisible();
});

test("a double click buys once", async ({ page }) => {
  const email = await register(page);
  await deposit(email, "20");
  await signIn(page, email);
  await openBuyDialog(page);
  await buyButton(page).dblclick();
  await expect(page.getByText("Bought. You can use it now.")).toBeVisible();
  await page.goto(`${platform().api}/billing/orders`);
  await expect(page.getByRole("table", { name: "Orders" }).getByText("Delivered")).toHaveCount(1);
});

test("422: what is wrong stands beside its field, in the language of the page", async ({ page }) => {
  const email = await register(page);
  await signIn(page, email);
  await page.goto(`${platform().api}/account`);
  await page.evaluate(() => localStorage.setItem("locale", "de"));
  await page.reload();
  await page.getByLabel("Jetziges Passwort", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Neues Passwort", { exact: true }).fill("password123");
  await page.getByRole("button", { name: "Passwort ändern" }).click();
  await expect(page.getByText("Das ist zu leicht zu erraten.", { exact: false })).toBeVisible();
  await expect(page.getByLabel("Neues Passwort", { exact: true })).toHaveAttribute("aria-invalid", "true");
});

test("a refusal is said in the language of the page, with the id that support needs", async ({ page }) => {
  const email = await register(page);
  await signIn(page, email);
  await page.goto(`${platform().api}/account`);
  await page.evaluate(() => localStorage.setItem("locale", "de"));
  await page.goto(`${platform().api}/billing/statement?transaction=txn_${"0".repeat(26)}`);
  const alert = page.getByRole("dialog").getByRole("alert");
  await expect(alert).toContainText("Das gibt es nicht");
  await expect(alert.locator("code")).toHaveText(/^[0-9a-zA-Z_-]{16,}$/);
});

test("429: too many wrong passwords count down on the button", async ({ page }) => {
  const email = await register(page);
  await page.goto(`${platform().api}/login`);
  await page.getByLabel("E-mail").fill(email);
  const waiting = page.getByRole("button", { name: /Again in \d+:\d\d/ });
  await expect(async () => {
    await page.getByLabel("Password", { exact: true }).fill("not the password");
    await page.getByRole("button", { name: "Sign in" }).click({ timeout: 2_000 });
    await expect(waiting).toBeVisible({ timeout: 1_500 });
  }).toPass({ timeout: 60_000 });
  await expect(waiting).toBeDisabled();
  await expect(page.getByRole("alert")).toContainText("Too many tries.");
});

test("503: what cannot be loaded says so, and comes when it is tried again", async ({ page }) => {
  const email = await register(page);
  await signIn(page, email);
  const down = (code: number) =>
    page.route("**/api/orders?*", (route) =>
      route.fulfill({
        status: code,
        contentType: "application/problem+json",
        headers: { "X-Correlation-Id": "0123456789abcdef", "Retry-After": "1" },
        body: JSON.stringify({
          type: "/problems/unavailable",
          code: "unavailable",
          title: "Service unavailable",
          status: code,
          detail: "a part of the platform does not answer; try again soon",
          correlation_id: "0123456789abcdef",
        }),
      }),
    );
  await down(503);
  await page.goto(`${platform().api}/billing/orders`);
  const alert = page.getByRole("alert");
  await expect(alert).toContainText("Service unavailable");
  await expect(alert).toContainText("0123456789abcdef");
  await page.unroute("**/api/orders?*");
  await alert.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByText("No orders yet.", { exact: false })).toBeVisible();

  // What is shown stays when it cannot be loaded again, and it is said that it is old.
  await down(503);
  await page.getByRole("link", { name: "Statement" }).click();
  await expect(async () => {
    await page.getByRole("link", { name: "Cards" }).click();
    await page.getByRole("link", { name: "Orders" }).click();
    await expect(page.getByText("What you see may be old.", { exact: false })).toBeVisible({ timeout: 3_000 });
  }).toPass({ timeout: 40_000 });
  await expect(page.getByText("No orders yet.", { exact: false })).toBeVisible();
  await page.unroute("**/api/orders?*");
  await page.getByRole("status").getByRole("button", { name: "Try again" }).click();
  await expect(page.getByText("What you see may be old.", { exact: false })).toBeHidden();
});

test("a lost network is said at once, what was loaded stays, and the page goes on when the network is back", async ({
  page,
  context,
}) => {
  const email = await register(page);
  await deposit(email, "20");
  await signIn(page, email);
  await page.goto(`${platform().api}/billing`);
  await expect(page.getByText("$20.00").first()).toBeVisible();
  await context.setOffline(true);
  await expect(page.getByText("Tollway cannot be reached.", { exact: false })).toBeVisible();
  await expect(page.getByText("$20.00").first()).toBeVisible();
  const call = await program(email);
  const more = { amount: "5", currency: "USD", payment_method: "pm_card_visa" };
  await call("POST", "/api/wallet/deposit", more, `more-${email}`);
  await expect
    .poll(async () => JSON.stringify(await call("GET", "/api/accounts")), { timeout: 20_000 })
    .toContain("25.00");
  await context.setOffline(false);
  await expect(page.getByText("Tollway cannot be reached.", { exact: false })).toBeHidden();
  await expect(page.getByText("$25.00").first()).toBeVisible();
});

test("a second tab: signing out in one is seen in the other at once, and so is somebody else who signs in", async ({
  page,
  context,
}) => {
  const [email, other] = [await register(page), await register(page)];
  await signIn(page, email);
  await page.goto(`${platform().api}/billing`);
  await expect(page.getByRole("heading", { name: "Billing" })).toBeVisible();
  const second = await context.newPage();
  await second.goto(`${platform().api}/account`);
  await second.getByRole("button", { name: "Your account" }).click();
  await second.getByRole("menuitem", { name: "Sign out" }).click();
  await second.waitForURL(/\/login/);
  await expect(page.getByRole("dialog", { name: "You are signed out" })).toBeVisible();

  await second.getByLabel("E-mail").fill(email);
  await second.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await second.getByRole("button", { name: "Sign in" }).click();
  await second.waitForURL("**/dashboard");
  await expect(page.getByRole("dialog")).toBeHidden();
  // The first tab can change things in the session that the second one began.
  await page.goto(`${platform().api}/account`);
  await page.getByLabel("Name", { exact: true }).fill("Ada");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();

  await signIn(second, other);
  await page.waitForURL("**/dashboard");
  await page.getByRole("button", { name: "Your account" }).click();
  await expect(page.getByText(other)).toBeVisible();
});

test("Back closes what was opened, and what was chosen before it is still chosen", async ({ page }) => {
  const email = await register(page);
  await deposit(email, "20");
  await signIn(page, email);
  await page.goto(`${platform().api}/billing/statement`);
  await page.getByRole("combobox", { name: "What" }).selectOption("deposit");
  await page.getByRole("table", { name: "Statement" }).getByText("Deposit").click();
  await expect(page.getByRole("dialog", { name: "Transaction" })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(page.getByRole("combobox", { name: "What" })).toHaveValue("deposit");
  await page.getByRole("link", { name: "Orders" }).click();
  await page.goBack();
  await expect(page.getByRole("combobox", { name: "What" })).toHaveValue("deposit");
});
