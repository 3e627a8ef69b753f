import { expect, type Page } from "@playwright/test";
import { platform } from "./platform";

export const PASSWORD = "correct horse battery staple";

interface Message {
  to: string;
  links: string[];
}

/** The link of the newest mail to an address. */
export async function mailedLink(email: string): Promise<string> {
  let link = "";
  await expect
    .poll(async () => {
      const answer = await fetch(`${platform().inbox}/api/messages`);
      const { messages } = (await answer.json()) as { messages: Message[] };
      link = messages.find((message) => message.to === email && message.links.length > 0)?.links[0] ?? "";
      return link;
    })
    .not.toBe("");
  return link;
}

/** Register on the pages, follow the mail, choose the password. Returns the address. */
export async function register(page: Page): Promise<string> {
  const email = `customer-${Date.now()}-${Math.random().toString(36).slice(2, 8)}@example.com`;
  const { api } = platform();
  await page.goto(`${api}/register`);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create the account" }).click();
  await expect(page.getByText("Look into your mail")).toBeVisible();
  await page.goto(await mailedLink(email));
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Confirm and set the password" }).click();
  await expect(page.getByText("Your address is confirmed")).toBeVisible();
  return email;
}

export async function signIn(page: Page, email: string, password = PASSWORD): Promise<void> {
  await page.goto(`${platform().api}/login`);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL("**/dashboard");
  await expect(page.getByRole("heading", { level: 1 }).first()).toBeVisible();
}

/** Call the API as a program of the customer. */
export async function program(
  email: string,
  password = PASSWORD,
): Promise<(method: string, path: string, body?: object, key?: string) => Promise<unknown>> {
  const { api } = platform();
  const send = async (method: string, path: string, headers: Record<string, string>, body?: object) => {
    const answer = await fetch(api + path, {
      method,
      headers: { "Content-Type": "application/json", ...headers },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? (JSON.parse(text) as unknown) : null;
  };
  const { access_token: token } = (await send("POST", "/api/auth/token", {}, { email, password })) as {
    access_token: string;
  };
  return (method, path, body, key) =>
    send(method, path, { Authorization: `Bearer ${token}`, ...(key ? { "Idempotency-Key": key } : {}) }, body);
}

/** Put money into the wallet with a test card. */
export async function deposit(email: string, amount: string): Promise<void> {
  const call = await program(email);
  await call(
    "POST",
    "/api/wallet/deposit",
    { amount, currency: "USD", payment_method: "pm_card_visa" },
    `deposit-${email}`,
  );
}

/** Every error that a page logs or throws; a violation of the content security policy is one. */
export function errorsOf(page: Page): string[] {
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    // A refused request is logged by the browser itself; the page shows it.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      errors.push(message.text());
  });
  return errors;
}
