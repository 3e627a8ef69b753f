import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";
import { errorsOf, register, signIn } from "./customer";
import { platform } from "./platform";

const CUSTOMER = [
  "dashboard",
  "proxy",
  "connection",
  "billing",
  "billing/catalogue",
  "billing/orders",
  "billing/statement",
  "billing/cards",
  "analytics",
  "account",
];
const OPERATOR = [
  "operate",
  "operate/customers",
  "operate/live",
  "operate/nodes",
  "operate/prices",
  "operate/keys",
  "operate/audit",
];
const ENTRY = ["design", "login", "register", "forgot", "change-email", "refuse-email-change"];
const SIZES = [
  { name: "desktop", width: 1440, height: 900 },
  { name: "phone", width: 360, height: 740 },
] as const;
const SCHEMES = ["light", "dark"] as const;

async function check(page: Page, path: string): Promise<void> {
  await page.goto(`${platform().api}/${path}`);
  await page.waitForLoadState("networkidle").catch(() => undefined); // a live page never falls silent
  await expect(page.getByRole("heading", { level: 1 }).first()).toBeVisible();
  // The design page shows what a page looks like while it loads.
  if (path !== "design") await expect(page.getByRole("status", { name: "Loading" })).toHaveCount(0);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(wide, `${path} is wider than the screen`).toBeLessThanOrEqual(0);
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(
    violations.map(({ id, nodes }) => `${path}: ${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`),
  ).toEqual([]);
}

for (const size of SIZES) {
  for (const scheme of SCHEMES) {
    test(`every page is accessible and fits: ${size.name}, ${scheme}`, async ({ browser }) => {
      test.setTimeout(240_000);
      const context = await browser.newContext({
        viewport: size,
        colorScheme: scheme,
        reducedMotion: "reduce",
        locale: "en",
      });
      const page = await context.newPage();
      const errors = errorsOf(page);
      for (const path of ENTRY) await check(page, path);
      const { operator } = platform();
      await signIn(page, operator.email, operator.password);
      for (const path of [...CUSTOMER, ...OPERATOR]) await check(page, path);
      expect(errors).toEqual([]);
      await context.close();
    });
  }
}

test("the console works with the keyboard alone, and in German", async ({ page }) => {
  const email = await register(page);
  await signIn(page, email);
  // A key that is pressed before the page listens is lost, as a person's would be.
  await expect(async () => {
    await page.keyboard.press("Control+k");
    await expect(page.getByRole("combobox", { name: "Page" })).toBeFocused({ timeout: 3_000 });
  }).toPass();
  await page.keyboard.type("acc");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/account");
  await expect(page.getByRole("dialog")).toBeHidden();
  await page.locator("body").press("g");
  await page.locator("body").press("p");
  await page.waitForURL("**/proxy");
  await page.getByRole("button", { name: "Your account" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("menuitemradio", { name: "Deutsch" }).press("Enter");
  await expect(page.getByRole("heading", { name: "Endpunkte" })).toBeVisible();
  expect(await page.locator("html").getAttribute("lang")).toBe("de");
});
