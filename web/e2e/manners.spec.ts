import { AxeBuilder } from "@axe-core/playwright";
import { expect, test } from "@playwright/test";
import { deposit, errorsOf, register, signIn } from "./customer";
import { platform } from "./platform";
import { buy } from "./traffic";

test("the keys are listed, work, and can be turned off", async ({ page }) => {
  const email = await register(page);
  await signIn(page, email);
  const dialog = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await expect(async () => {
    await page.locator("body").press("?");
    await expect(dialog).toBeVisible({ timeout: 2_000 });
  }).toPass();
  await expect(dialog.getByText("g b", { exact: true })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.locator("body").press("g");
  await page.locator("body").press("b");
  await page.waitForURL("**/billing");
  await expect(page).toHaveTitle("Billing · Tollway");

  await page.locator("body").press("?");
  await dialog.getByRole("switch", { name: "Single keys" }).focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("Escape");
  await page.locator("body").press("g");
  await page.locator("body").press("a");
  await page.locator("body").press("?");
  await expect(dialog).toBeHidden();
  await expect(page).toHaveURL(/\/billing$/);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("txn_00000000000000000000000000");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/statement\?transaction=txn_0/);
});

test("with the keyboard alone data is bought and an access is made", async ({ page }) => {
  const email = await register(page);
  await deposit(email, "20");
  await signIn(page, email);
  await page.goto(`${platform().api}/billing/catalogue`);
  const buying = page.getByRole("button", { name: "Buy", exact: true }).first();
  await buying.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("kept for")).toBeVisible();
  const confirm = dialog.getByRole("button", { name: "Buy", exact: true });
  for (let turn = 0; turn < 20; turn += 1) {
    if (await confirm.evaluate((element) => element === document.activeElement)) break;
    await page.keyboard.press("Tab");
  }
  await expect(confirm).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByText("Bought. You can use it now.")).toBeVisible();
  // The focus goes back to what opened the dialog.
  await expect(buying).toBeFocused();
});

test("less motion: nothing turns, slides or shimmers", async ({ browser }) => {
  const page = await (await browser.newContext({ reducedMotion: "reduce" })).newPage();
  await page.goto(`${platform().api}/design`);
  await page.getByRole("button", { name: "Side" }).click();
  const moving = await page.evaluate(() =>
    document
      .getAnimations()
      .filter((one) => {
        const { effect } = one as { effect: KeyframeEffect | null };
        const endless = effect?.getComputedTiming().iterations === Number.POSITIVE_INFINITY;
        return (
          endless ||
          effect?.getKeyframes().some((frame) => "transform" in frame || "rotate" in frame || "translate" in frame)
        );
      })
      .map((one) => (one as { animationName?: string }).animationName ?? "a transition"),
  );
  expect(moving).toEqual([]);
});

test("written from right to left, no page is wider than the screen, and the pages stand in the mirror", async ({
  page,
}) => {
  test.setTimeout(120_000);
  const email = await register(page);
  await deposit(email, "20");
  await buy(email);
  await signIn(page, email);
  for (const width of [1440, 360]) {
    await page.setViewportSize({ width, height: 800 });
    for (const path of ["dashboard", "proxy", "connection", "billing", "billing/statement", "analytics", "account"]) {
      await page.goto(`${platform().api}/${path}`);
      await expect(page.getByRole("heading", { level: 1 }).first()).toBeVisible();
      await page.evaluate(() => {
        document.documentElement.dir = "rtl";
      });
      const over = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(over, `${path} at ${width}`).toBeLessThanOrEqual(0);
      if (width > 800) {
        const rail = await page.locator("aside").boundingBox();
        expect(rail?.x, path).toBeGreaterThan(1000);
      }
    }
  }
});

test("an address is let in without a password, and one that is not the client's own is refused beside its field", async ({
  page,
}) => {
  const errors = errorsOf(page);
  const email = await register(page);
  await deposit(email, "20");
  await buy(email);
  await signIn(page, email);
  await page.goto(`${platform().api}/proxy`);
  await page.getByRole("button", { name: "New access" }).first().click();
  await page.getByRole("dialog").getByLabel("Name").fill("Office");
  await page.getByRole("button", { name: "Create the access" }).click();
  await page.getByRole("button", { name: "Let in an address" }).click();
  const dialog = page.getByRole("dialog", { name: "Let in an address" });
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);
  const address = dialog.getByLabel("Address or network");
  await address.fill("198.51.100.7");
  await dialog.getByRole("button", { name: "Let it in" }).click();
  await expect(address).toHaveAttribute("aria-invalid", "true");
  await expect(dialog.getByRole("alert")).toContainText("Must contain the address from which you send this request");
  await address.fill("");
  await dialog.getByLabel("Name").fill("the office");
  await dialog.getByRole("button", { name: "Let it in" }).click();
  await expect(page.getByText(/Clients from 127\.0\.0\.1\S* need no password now\./)).toBeVisible();
  await expect(page.getByRole("table", { name: "Credentials" }).getByText("127.0.0.1")).toBeVisible();
  await expect(page.getByRole("table", { name: "Credentials" }).getByText("the office")).toBeVisible();
  expect(errors).toEqual([]);
});

test("on a phone the values of a row say what they are", async ({ browser }) => {
  const page = await (await browser.newContext({ viewport: { width: 360, height: 740 } })).newPage();
  const email = await register(page);
  await deposit(email, "20");
  await signIn(page, email);
  await page.goto(`${platform().api}/billing/statement`);
  const row = page.getByRole("list", { name: "Statement" }).getByRole("button").first();
  await expect(row).toContainText("Balance $20.00");
  await expect(row).toContainText("Amount +$20.00");
});

test("each code of a problem has a page that explains it, and its address is in every refusal", async ({ page }) => {
  const { api } = platform();
  const answer = await fetch(`${api}/api/auth/me`);
  const { type, code } = (await answer.json()) as { type: string; code: string };
  await page.goto(new URL(type, api).href);
  await expect(page.getByRole("heading")).toBeVisible();
  await expect(page.getByText(code, { exact: true })).toBeVisible();
});
