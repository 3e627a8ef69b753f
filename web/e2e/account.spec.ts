import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";
import { errorsOf, mailedLink, PASSWORD, register, signIn } from "./customer";
import { platform } from "./platform";

async function accessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`)).toEqual(
    [],
  );
}

async function askForAddress(page: Page, email: string): Promise<void> {
  await page.goto(`${platform().api}/account`);
  await page.getByLabel("New address").fill(email);
  await page.getByLabel("Your password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Change the address" }).click();
  await expect(page.getByText("waits to be confirmed")).toBeVisible();
}

test("an address is changed by the link to the new one, and undone by the link to the old one", async ({ page }) => {
  const errors = errorsOf(page);
  const email = await register(page);
  const wanted = `new-${email}`;
  await signIn(page, email);
  await askForAddress(page, wanted);
  await accessible(page);

  const link = await mailedLink(wanted);
  expect(link).toContain("/change-email");
  await page.goto(link);
  await expect(page).not.toHaveURL(/token/);
  await accessible(page);
  await page.getByRole("button", { name: "Confirm the new address" }).click();
  await expect(page.getByText("Your address is changed")).toBeVisible();
  await signIn(page, wanted);

  await expect.poll(() => mailedLink(email)).toContain("/refuse-email-change");
  await page.goto(await mailedLink(email));
  await accessible(page);
  await page.getByRole("button", { name: "Refuse the new address" }).click();
  await expect(page.getByText("Your account has this address")).toBeVisible();
  await expect.poll(() => mailedLink(email)).toContain("/reset-password");
  await page.goto(await mailedLink(email));
  await page.getByLabel("Password", { exact: true }).fill(`${PASSWORD} two`);
  await page.getByRole("button", { name: "Set the password" }).click();
  await expect(page.getByText("Your password is set")).toBeVisible();
  await signIn(page, email, `${PASSWORD} two`);
  expect(errors).toEqual([]);
});

test("signing out everywhere else leaves this browser alone", async ({ page, browser }) => {
  const email = await register(page);
  await signIn(page, email);
  const other = await (await browser.newContext()).newPage();
  await signIn(other, email);
  await page.goto(`${platform().api}/account`);
  await page.getByRole("button", { name: "Sign out everywhere else" }).click();
  await expect(page.getByText("Signed out everywhere else.")).toBeVisible();
  await other.goto(`${platform().api}/account`);
  await other.waitForURL(/\/login/);
  await page.getByRole("button", { name: "Sign out everywhere", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Sign out everywhere" }).click();
  await page.waitForURL(/\/login/);
});

test("an account is deleted by typing its address, and kept by signing in again", async ({ page }) => {
  const email = await register(page);
  await signIn(page, email);
  await page.goto(`${platform().api}/account`);
  await page.getByRole("button", { name: "Delete the account" }).click();
  const dialog = page.getByRole("dialog");
  await accessible(page);
  const confirm = dialog.getByRole("button", { name: "Delete the account" });
  await dialog.getByLabel("Type your e-mail address").fill("somebody@example.com");
  await expect(confirm).toBeDisabled();
  await dialog.getByLabel("Type your e-mail address").fill(email);
  await dialog.getByLabel("Your password", { exact: true }).fill(PASSWORD);
  await confirm.click();
  await page.waitForURL(/\/login/);
  await expect.poll(() => mailedLink(email)).toContain("/keep-account");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("This account is going to be deleted.")).toBeVisible();
  await accessible(page);
  await page.getByRole("button", { name: "Keep my account and sign in" }).click();
  await page.waitForURL("**/dashboard");
});

test("a file with one's data is asked for and downloaded", async ({ page }) => {
  const email = await register(page);
  await signIn(page, email);
  await page.goto(`${platform().api}/account`);
  await page.getByRole("button", { name: "Make a file" }).click();
  const download = page.getByRole("button", { name: "Download" });
  await expect(download).toBeVisible({ timeout: 40_000 });
  await accessible(page);
  const [file] = await Promise.all([page.waitForEvent("download"), download.click()]);
  expect(file.suggestedFilename()).toBe("tollway-export.zip");
});

test("e-mails about security cannot be switched off, others can", async ({ page }) => {
  const email = await register(page);
  await signIn(page, email);
  await page.goto(`${platform().api}/account`);
  await expect(page.getByRole("switch", { name: "Security" })).toBeDisabled();
  const receipts = page.getByRole("switch", { name: "Receipts" });
  await receipts.focus();
  await page.keyboard.press("Space");
  await expect(receipts).not.toBeChecked();
  await page.reload();
  await expect(receipts).not.toBeChecked();
});
