import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";
import { deposit, errorsOf, program, register, signIn } from "./customer";
import { platform } from "./platform";

/** Every request of a page to the API, as "GET /api/…". */
function requestsOf(page: Page): string[] {
  const requests: string[] = [];
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith("/api/")) requests.push(`${request.method()} ${pathname}`);
  });
  return requests;
}

test("the dashboard asks once, and is told the rest by the live connection", async ({ page }) => {
  const errors = errorsOf(page);
  const email = await register(page);
  const call = await program(email);
  await deposit(email, "20");
  const order = { asset: "bandwidth.datacenter.standard", quantity: "1000000000", currency: "USD" };
  await expect(async () => call("POST", "/api/orders", order, `order-${email}`)).toPass();
  await signIn(page, email);
  const requests = requestsOf(page);
  await page.reload();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("1 GB left");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await expect(page.getByText("Press Connect to get a user name and a password.")).toBeVisible();
  await page.waitForLoadState("networkidle").catch(() => undefined);
  const shell = ["GET /api/auth/me", "GET /api/users/me/preferences", "GET /api/usage/live"];
  expect(requests.filter((request) => !shell.includes(request))).toEqual(["GET /api/dashboard"]);
  expect(errors).toEqual([]);
});

test("a part of the platform that does not answer leaves the rest of the dashboard whole", async ({ page }) => {
  const email = await register(page);
  await page.route("**/api/dashboard", async (route) => {
    const answer = await route.fetch();
    const whole = (await answer.json()) as object;
    const missing = { allowances: null, cash: null, steps: null, unavailable: ["allowances", "cash", "steps"] };
    await route.fulfill({
      response: answer,
      json: { ...whole, ...missing, state: "unknown", reason: "balance_unknown" },
    });
  });
  await signIn(page, email);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Not known now");
  await expect(page.getByText("The wallet and what is left are not shown")).toBeVisible();
  await expect(page.getByRole("button", { name: "Connect", exact: true })).toBeVisible();
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);
});

test("a dashboard that cannot be had says so and is asked for again", async ({ page }) => {
  const email = await register(page);
  await signIn(page, email);
  await page.route("**/api/dashboard", (route) => route.abort());
  await page.goto(`${platform().api}/dashboard`);
  const again = page.getByRole("button", { name: "Try again" });
  await expect(again).toBeVisible({ timeout: 20_000 });
  await page.unroute("**/api/dashboard");
  await again.click();
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
});
