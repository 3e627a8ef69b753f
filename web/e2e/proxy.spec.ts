import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";
import { deposit, errorsOf, program, register, signIn } from "./customer";
import { platform } from "./platform";

/** Somebody with a gigabyte and an access with one credential, signed in on the proxy page. */
async function connected(page: Page): Promise<Awaited<ReturnType<typeof program>>> {
  const email = await register(page);
  const call = await program(email);
  await deposit(email, "20");
  const order = { asset: "bandwidth.datacenter.standard", quantity: "1000000000", currency: "USD" };
  await expect(async () => call("POST", "/api/orders", order, `order-${email}`)).toPass();
  await call("POST", "/api/proxy/connect", { label: "laptop" });
  await signIn(page, email);
  await page.goto(`${platform().api}/proxy`);
  return call;
}

async function accessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`)).toEqual(
    [],
  );
}

test("a connection test goes the whole way through a real proxy, and says at which step it fails", async ({ page }) => {
  const errors = errorsOf(page);
  await connected(page);
  const panel = page.locator("section", { has: page.getByRole("heading", { name: "Connection test" }) });
  await expect(panel.getByText("about 1 kB is charged")).toBeVisible();
  await panel.getByRole("button", { name: "Test the connection" }).click();
  await expect(panel.getByText("The way is clear")).toBeVisible();
  await expect(panel.getByText("Done", { exact: true })).toHaveCount(5);
  await expect(panel.getByText("The node itself answered")).toBeVisible();
  await expect(panel.getByText("with the next")).toBeVisible();
  await accessible(page);

  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await expect(page.getByText("Stopped", { exact: true })).toBeVisible();
  await panel.getByRole("button", { name: "Test again" }).click();
  await expect(panel.getByText("A step failed")).toBeVisible();
  await expect(panel.getByText("This access is stopped, or does not cover HTTP.")).toBeVisible();
  await expect(panel.getByText("Not yet")).toHaveCount(2);
  await accessible(page);

  await page.goto(`${platform().api}/connection`);
  await expect(page.getByText("connection-test.internal:80").first()).toBeVisible();
  expect(errors).toEqual([]);
});

test("a credential is rotated: the new one is shown once, the old one says until when it works", async ({ page }) => {
  const errors = errorsOf(page);
  await connected(page);
  const credentials = page.getByRole("table", { name: "Credentials" });
  await expect(credentials.getByText("Never")).toBeVisible();
  await credentials.getByRole("button", { name: "Rotate" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("The old one works for another").selectOption({ label: "1 hour" });
  await accessible(page);
  await dialog.getByRole("button", { name: "Rotate" }).click();
  await expect(dialog.getByText("Password", { exact: true })).toBeVisible();
  await dialog.getByLabel("I have saved it").check();
  await dialog.getByRole("button", { name: "Done" }).click();
  await expect(credentials.getByText("Replaced, works until")).toBeVisible();
  // The old one cannot be rotated again; the new one can.
  await expect(credentials.getByRole("button", { name: "Rotate" })).toHaveCount(1);
  await expect(credentials.getByRole("button", { name: "Revoke" })).toHaveCount(2);
  await accessible(page);
  expect(errors).toEqual([]);
});
